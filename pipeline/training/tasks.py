"""What each fold of a cross-validation trains on, audited before anything is trained."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.loading import StoredSamples, load_inline, load_samples
from pipeline.base.digests import digest
from pipeline.base.errors import ParamsError
from pipeline.base.paths import AUGMENTED
from pipeline.folds.audit import audit, audit_samples
from pipeline.folds.labelled import LabelledClips
from pipeline.folds.table import FoldedTrack, folds_of, sides
from pipeline.folds.validation import inner_validation
from pipeline.store.rows import JoinedRows
from pipeline.training.experiment import Experiment
from pipeline.training.fitting import FoldTask
from pipeline.training.saved import Description


def make_tasks(
    experiment: Experiment,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    folder: Path = AUGMENTED,
) -> list[FoldTask]:
    """One task for each fold, audited: nothing is in two of training, validation and test.

    Parameters
    ----------
    tracks : sequence of FoldedTrack
        The table of folds.
    clips : LabelledClips
        The clips of these tracks.
    folder : Path
        Where augmented samples lie, if the experiment trains on them.

    Raises
    ------
    LeakError
        A fold leaks; names the tracks.
    ParamsError
        The network cannot take rows of this shape.
    """
    _require_input(experiment, clips.rows.shape[1:])
    tasks = [_make_task(experiment, tracks, clips, fold) for fold in folds_of(tracks)]
    augment = experiment.augment
    if augment.mode == "offline":
        samples = load_samples(experiment.feature, clips, folder)
        return [_with_samples(task, clips, samples) for task in tasks]
    if augment.mode == "inline":
        inline = load_inline(augment, experiment.feature, clips, experiment.seed)
        return [_with_change(task, inline) for task in tasks]
    return tasks


def _require_input(experiment: Experiment, shape: tuple[int, ...]) -> None:
    try:
        experiment.network.require_input(experiment.model, shape)
    except ParamsError as error:
        raise ParamsError(f"feature = {experiment.feature!r}: {error}") from None


def _make_task(
    experiment: Experiment, tracks: Sequence[FoldedTrack], clips: LabelledClips, fold: int
) -> FoldTask:
    seed = experiment.seed + fold
    outside, test = sides(tracks, fold)
    kept = inner_validation(outside, experiment.train.validation, seed)
    train = clips.rows_of(set(outside) - kept)
    validation = clips.rows_of(kept)
    audit(*(clips.tracks_of(part) for part in (train, validation, clips.rows_of(test))))
    description = Description(
        model=experiment.model,
        feature=experiment.feature,
        genres=clips.genres,
        fold=fold,
        store=clips.description,
        training={"seed": seed, "precision": experiment.train.precision},
    )
    seen = [
        (track.genre, track.clip, track in kept, clips.digests[track.track_id]) for track in outside
    ]
    return FoldTask(
        rows=clips.rows,
        labels=clips.labels,
        train=train,
        validation=validation,
        params=experiment.network,
        description=description,
        content=digest(repr(seen)),
    )


def _with_samples(task: FoldTask, clips: LabelledClips, samples: StoredSamples) -> FoldTask:
    """The task with the samples of the clips that train in it."""
    chosen = np.flatnonzero(np.isin(samples.parents, task.train))
    made_of = [samples.names[number] for number in chosen]
    audit_samples(made_of, clips.tracks_of(task.train), task.description.fold)
    order = [track_id for track_id, _ in made_of]
    return replace(
        task,
        rows=JoinedRows([clips.rows, *samples.parts]),
        labels=np.concatenate([task.labels, task.labels[samples.parents]]),
        augmented=len(clips.rows) + chosen,
        content=digest(
            task.content, *order, *(samples.digests[name] for name in sorted(set(order)))
        ),
    )


def _with_change(task: FoldTask, inline: InlineAugmentation) -> FoldTask:
    """The task with rows that are drawn anew, by track and clip: they are part of its address."""
    change = replace(inline, seed=task.description.training["seed"])
    content = digest(task.content, repr(change.names(task.train)))
    return replace(task, change=change, content=content)
