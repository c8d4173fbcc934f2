"""What each fold of a cross-validation trains on, audited before any training begins."""

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
    """Make one task for each fold, and audit that its parts have nothing in common.

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
        return [_with_inline(task, inline) for task in tasks]
    return tasks


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
    )


def _with_samples(task: FoldTask, clips: LabelledClips, samples: StoredSamples) -> FoldTask:
    """The task with the augmented samples of the clips that train in it."""
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
    return replace(task, transform=transform, data_digest=data_digest)
