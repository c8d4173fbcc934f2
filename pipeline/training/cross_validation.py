"""Train the folds of a cross-validation, each of them once.

A fold that was trained before, from the same data in the same way, is taken from the machine's
cache. One that was killed continues from its last checkpoint.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from operator import call
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.target import AugmentParams, parse_augment
from pipeline.base.backend import device_for, keras, machine_facts, versions
from pipeline.base.errors import ParamsError, PipelineError
from pipeline.base.files import AUGMENTED, digest
from pipeline.base.parallel import map_folds
from pipeline.base.params import choice, lookup, read_name, read_section, read_seed
from pipeline.folds.audit import audit, audit_samples
from pipeline.folds.groups import inner_validation
from pipeline.folds.labelled import LabelledClips
from pipeline.folds.table import SHORT, FoldedTrack, folds_digest, folds_of, sides
from pipeline.store.addresses import code_address
from pipeline.store.cache import Cache, machine_cache
from pipeline.store.store import JoinedRows
from pipeline.training.augmented import StoredSamples, load_inline, load_samples
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fit import FoldTask, fit_fold
from pipeline.training.network import (
    FitParams,
    TrainParams,
    network_file,
    network_names,
    read_network,
)
from pipeline.training.trained import Description, Record, is_whole, write_fold
from pipeline.training.watching import LiveCurves, Progress

FOLDS = "folds"  # where the cache has trained folds
# The code that decides a trained fold, besides its network and what augments its rows inline.
SOURCES = tuple(
    f"pipeline/training/{name}.py" for name in ("checkpoint", "fit", "network", "newton", "trained")
)
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"  # pipeline/base/backend.py sets it, and Keras' configuration
# Keras' seeds and policies belong to the process, and a cluster's worker may have several threads.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Experiment:
    """A network to be trained on a feature, and the parameters of both.

    Attributes
    ----------
    seed : int
    dataset : str
        Path of its folder, as in params.yaml.
    feature, model : str
        Names of the feature and of the network.
    network : FitParams
        Parameters of the network and of its training.
    train : TrainParams
    augment : AugmentParams
    """

    seed: int
    dataset: str
    feature: str
    model: str
    network: FitParams
    train: TrainParams
    augment: AugmentParams


def read_experiment(document: Mapping[str, Any] | None = None) -> Experiment:
    """The experiment that `document`, by default params.yaml, describes.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    model = choice(lookup("model", document), "model", network_names())
    return Experiment(
        seed=read_seed(document),
        dataset=str(lookup("dataset.path", document)),
        feature=read_name("feature", document),
        model=model,
        network=read_network(model, document),
        train=read_section(TrainParams, "train", document),
        augment=parse_augment(lookup("augment", document)),
    )


def make_tasks(
    experiment: Experiment,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    folder: Path = AUGMENTED,
    folds: Sequence[int] = (),
) -> list[FoldTask]:
    """Make one task for each fold, and audit that its parts have nothing in common.

    Parameters
    ----------
    tracks : sequence of FoldedTrack
        The table of folds.
    clips : LabelledClips
        The clips of these tracks.
    folder : Path
        Folder of the augmented samples, where the experiment is trained on some.
    folds : sequence of int
        By default all that test something. Any other trains on all tracks.

    Raises
    ------
    LeakError
        A fold leaks; names the tracks.
    ParamsError
        The network cannot take rows of this shape.
    """
    _require_input(experiment, clips.rows.shape[1:])
    tasks = [_make_task(experiment, tracks, clips, fold) for fold in folds or folds_of(tracks)]
    augment = experiment.augment
    if augment.mode == "offline":
        samples = load_samples(experiment.feature, clips, folder)
        return [_with_samples(task, clips, samples) for task in tasks]
    if augment.mode == "inline":
        inline = load_inline(augment, experiment.feature, clips, experiment.seed)
        return [_with_inline(task, inline) for task in tasks]
    return tasks


def train_folds(tasks: Sequence[FoldTask], curves: Path | None = None) -> list[Path]:
    """Train the folds; return their folders in the cache, as `trained.write_fold` writes them.

    Parameters
    ----------
    curves : Path, optional
        A table to which every epoch adds a line while the folds train.
    """
    cache = machine_cache()
    parts = [partial(train_fold, task, cache, code_of(task), curves) for task in tasks]
    return map_folds(call, parts)


def describe_training(
    experiment: Experiment,
    clips: LabelledClips,
    tasks: Sequence[FoldTask],
    records: Sequence[Record],
) -> dict[str, Any]:
    """Describe a training for metrics/training.json: parameters, folds, machines, code and time.

    It does not name the git commit, as DVC's run cache would bring back that of another run; nor
    which folds came from the cache, as that differs between runs of equal results.
    """
    seconds = [record.seconds for record in records]
    numbers = [str(task.description.fold) for task in tasks]
    return {
        "parameters": parameters_of(experiment, clips.description),
        "folds_digest": folds_digest(),
        "code_digest": code_of(tasks[0])[:SHORT],
        **merge_facts([record.machine for record in records]),
        "versions": versions(),
        "seconds": round(sum(seconds), 1),
        "seconds_of_folds": dict(zip(numbers, seconds, strict=True)),
    }


def parameters_of(experiment: Experiment, store: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a training follows from, under their keys in params.yaml.

    Parameters
    ----------
    experiment : Experiment
    store : mapping
        Description of the feature store: what the clips and the feature were made with, whatever
        params.yaml says by now.
    """
    return {
        "model": experiment.model,
        "feature": experiment.feature,
        "seed": experiment.seed,
        "dataset": {"path": experiment.dataset},
        "segment": {name: store[name] for name in ("sample_rate", "seconds") if name in store},
        "extract": {experiment.feature: store.get("params", {})},
        "augment": experiment.augment.in_use(),
        "train": asdict(experiment.train),
        "models": {experiment.model: asdict(experiment.network)},
    }


def merge_facts(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Facts about the machines that folds were trained on; where they differ, all of the values."""
    merged = {}
    for name in facts[0]:
        values = list(dict.fromkeys(each[name] for each in facts))
        merged[name] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    return merged


def train_fold(task: FoldTask, cache: Cache, code: str, curves: Path | None = None) -> Path:
    """Folder of the fold in the cache, trained unless it is already there.

    Parameters
    ----------
    code : str
        What `code_of` returned where the task was made.
    curves : Path, optional
        As in `train_folds`.

    Raises
    ------
    PipelineError
        The code here is another: that of a worker that is out of date, or has another backend.
    """
    if code_of(task) != code:
        raise PipelineError(
            "a worker runs other code or libraries, or another Keras backend; restart it"
        )
    with ONE_AT_A_TIME:
        training = dict(task.description.training)
        training |= machine_facts(
            training["precision"],
            task.description.fold,
            needs_float32=task.params.needs_float32,
        )
        task = replace(task, description=replace(task.description, training=training))
        address = address_of(task, code)
        folder = cache.folder(FOLDS, address, is_whole)
        if folder is None:
            return _train_anew(task, cache, address, curves)
        print(f"fold {task.description.fold}: trained before, taken from the cache")
        return folder


def _train_anew(task: FoldTask, cache: Cache, address: str, curves: Path | None) -> Path:
    description = task.description
    fold, training = description.fold, description.training
    print(f"fold {fold}: {training['precision']}, {training['backend']}, {training['processor']}")
    checkpoint = Checkpoint(cache.root / "checkpoints" / f"{address}.npz")
    watching = [Progress(fold, task.params, len(task.training_rows))]
    if curves:
        watching.append(LiveCurves(fold, checkpoint, curves))
    # It would also collect all garbage, which takes a noticeable share of a small fold.
    keras.utils.clear_session(free_memory=False)
    with device_for(fold):  # the session is cleared first, as PyTorch's device is part of it
        fitted = fit_fold(task, checkpoint, watching)
        write = partial(write_fold, fitted, description)
        folder = cache.publish_folder(FOLDS, address, write, is_whole)
    checkpoint.forget()
    return folder


def sources_of(task: FoldTask) -> tuple[str, ...]:
    """The code that decides what becomes of a task, as in dvc.yaml."""
    return (*SOURCES, network_file(task.description.model), *task.transform_sources)


def code_of(task: FoldTask) -> str:
    """Address of the code that trains a task here, and of the backend with its settings."""
    config = keras.config
    settings = config.floatx(), config.epsilon(), config.image_data_format(), os.environ[ONEDNN]
    return digest(code_address(*sources_of(task)), keras.backend.backend(), repr(settings))


def address_of(task: FoldTask, code: str) -> str:
    """Address of the trained fold: code, parameters, machine, and all of the data that it uses."""
    described = repr(sorted(asdict(task.description).items()))
    how = repr((task.params, task.balanced, task.transform))
    return digest(code, how, described, task.data_digest)


def _require_input(experiment: Experiment, shape: tuple[int, ...]) -> None:
    reason = experiment.network.reason_against(shape)
    if reason:
        raise ParamsError(
            f"feature = {experiment.feature!r}: model = {experiment.model!r} {reason}"
        )


def _make_task(
    experiment: Experiment, tracks: Sequence[FoldedTrack], clips: LabelledClips, fold: int
) -> FoldTask:
    seed = experiment.seed + fold
    not_tested, tested = sides(tracks, fold)
    validating = inner_validation(not_tested, experiment.train.validation, seed)
    train = clips.rows_of(set(not_tested) - validating)
    validation = clips.rows_of(validating)
    audit(*(clips.tracks_of(part) for part in (train, validation, clips.rows_of(tested))))
    description = Description(
        model=experiment.model,
        feature=experiment.feature,
        genres=clips.genres,
        fold=fold,
        store=clips.description,
        training={"seed": seed, "precision": experiment.train.precision},
    )
    data = [
        (track.genre, track.clip, track in validating, clips.digests[track.track_id])
        for track in not_tested
    ]
    return FoldTask(
        rows=clips.rows,
        labels=clips.labels,
        train=train,
        validation=validation,
        params=experiment.network,
        description=description,
        data_digest=digest(repr(data)),
        balanced=experiment.train.class_weight == "balanced",
    )


def _with_samples(task: FoldTask, clips: LabelledClips, samples: StoredSamples) -> FoldTask:
    """The task with the augmented samples of the clips that it is trained on."""
    chosen = np.flatnonzero(np.isin(samples.parents, task.train))
    names = [samples.names[number] for number in chosen]
    audit_samples(names, clips.tracks_of(task.train), task.description.fold)
    track_ids = [track_id for track_id, _ in names]
    return replace(
        task,
        rows=JoinedRows([clips.rows, *samples.parts]),
        labels=np.concatenate([task.labels, task.labels[samples.parents]]),
        augmented=len(clips.rows) + chosen,
        data_digest=digest(
            task.data_digest,
            *track_ids,
            *(samples.digests[track_id] for track_id in sorted(set(track_ids))),
        ),
    )


def _with_inline(task: FoldTask, inline: InlineAugmentation) -> FoldTask:
    """The task with inline augmentation by the fold's own seed.

    What is drawn for a row depends on its track and clip, so these are part of the digest.
    """
    transform = replace(inline, seed=task.description.training["seed"])
    data_digest = digest(task.data_digest, repr(transform.names(task.train)))
    return replace(
        task,
        transform=transform,
        transform_sources=transform.sources,
        data_digest=data_digest,
    )
