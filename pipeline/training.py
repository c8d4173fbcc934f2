"""Train the folds of a cross-validation: cut into parts, audited, each computed once.

A fold that was trained before, from the same data in the same way, is taken from the machine's
cache; one that was killed goes on from its last checkpoint.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from operator import call
from pathlib import Path

import numpy as np

from models.fit import FoldTask
from models.machine import machine_facts
from models.saved import Description
from models.startup import keras
from pipeline.audit import audit, audit_samples
from pipeline.augmented import Augmented, Inline, load_augmented, load_inline
from pipeline.cache import Cache, machine_cache
from pipeline.errors import PipelineError
from pipeline.fingerprint import code_fingerprint, digest, fingerprint
from pipeline.fold import write_fold
from pipeline.holdout import inner_validation
from pipeline.labelled import LabelledClips
from pipeline.parallel import map_folds
from pipeline.params import Params
from pipeline.rows import JoinedRows
from pipeline.samples import AUGMENTED
from pipeline.tracks import FoldedTrack, folds_of, sides

KIND = "folds"
# Keras' seeds and policies belong to the process, and a cluster's worker may have several threads.
ONE_AT_A_TIME = threading.Lock()


def make_tasks(
    params: Params,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    folder: Path = AUGMENTED,
) -> list[FoldTask]:
    """One task a fold, audited: nothing is in two of training, validation and test.

    Augmentation is part of it, as `params` say; new samples come from `folder`.
    """
    tasks = [_make_task(params, tracks, clips, fold) for fold in folds_of(tracks)]
    samples, inline = load_augmented(params, clips, folder), load_inline(params, clips)
    if samples:
        return [_with_samples(task, clips, samples) for task in tasks]
    if inline:
        return [_with_change(task, inline) for task in tasks]
    return tasks


def train_folds(tasks: Sequence[FoldTask]) -> list[Path]:
    """A folder of each fold, in the machine's cache; see `write_fold`."""
    cache = machine_cache()
    return map_folds(call, [partial(train_fold, task, cache, code_of(task)) for task in tasks])


def train_fold(task: FoldTask, cache: Cache, code: str) -> Path:
    """Folder with what comes of the fold, trained unless the cache has it.

    Raises
    ------
    PipelineError
        The code here is not that of `code`: a worker that is out of date, or with another
        backend.
    """
    if code_of(task) != code:
        raise PipelineError(
            "a worker runs other code or libraries, or another Keras backend; restart it"
        )
    with ONE_AT_A_TIME:
        training = dict(task.description.training)
        training |= machine_facts(training["precision"], task.description.fold)
        task = replace(task, description=replace(task.description, training=training))
        return _trained(task, cache, address_of(task, code))


def _trained(task: FoldTask, cache: Cache, address: str) -> Path:
    fold, training = task.description.fold, task.description.training
    kept = cache.folder(KIND, address)
    if kept:
        print(f"fold {fold}: trained before, taken from the cache")
        return kept
    print(f"fold {fold}: {training['precision']}, {training['backend']}, {training['processor']}")
    checkpoint = cache.root / "checkpoints" / f"{address}.npz"
    return cache.publish_folder(KIND, address, lambda folder: write_fold(task, folder, checkpoint))


def _make_task(
    params: Params, tracks: Sequence[FoldedTrack], clips: LabelledClips, fold: int
) -> FoldTask:
    seed = params.seed + fold
    outside, test = sides(tracks, fold)
    kept = inner_validation(outside, params.train.validation, seed)
    train = clips.rows_of(set(outside) - kept)
    validation = clips.rows_of(kept)
    audit(*(clips.tracks_of(part) for part in (train, validation, clips.rows_of(test))))
    description = Description(
        model=params.model,
        feature=params.feature,
        genres=clips.genres,
        fold=fold,
        store=clips.description,
        training={"seed": seed, "precision": params.train.precision},
    )
    seen = [
        (track.genre, track.clip, track in kept, clips.digests[track.track_id]) for track in outside
    ]
    content = digest(repr(seen))
    return FoldTask(clips.rows, clips.labels, train, validation, params.fit, description, content)


def _with_samples(task: FoldTask, clips: LabelledClips, samples: Augmented) -> FoldTask:
    """The task with the samples of the clips that train in it."""
    chosen = np.flatnonzero(np.isin(samples.parents, task.train))
    owners = clips.owners[samples.parents[chosen]]
    of = [clips.tracks[owner] for owner in owners]
    audit_samples(of, clips.tracks_of(task.train), task.description.fold)
    order = [track.track_id for track in of]
    return replace(
        task,
        rows=JoinedRows([clips.rows, *samples.parts]),
        labels=np.concatenate([task.labels, task.labels[samples.parents]]),
        augmented=len(clips.rows) + chosen,
        content=digest(
            task.content, *order, *(samples.digests[name] for name in sorted(set(order)))
        ),
    )


def _with_change(task: FoldTask, inline: Inline) -> FoldTask:
    """The task with rows that are drawn anew, by track and clip: they are part of its address."""
    change = replace(inline, seed=task.description.training["seed"])
    content = digest(task.content, repr(change.names(task.train)))
    return replace(task, change=change, content=content)


def code_of(task: FoldTask) -> str:
    """Fingerprint of what trains a task here, and of what changes its rows on the way."""
    code = digest(code_fingerprint("pipeline.fold"), keras.backend.backend())
    return digest(code, fingerprint(task.change)) if task.change else code


def address_of(task: FoldTask, code: str) -> str:
    """Of the code, the parameters, the machine, and all of the data that is seen."""
    described = repr(sorted(asdict(task.description).items()))
    return digest(code, repr(task.params), described, task.content)
