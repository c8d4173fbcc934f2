"""Train ways to augment on the same folds and seeds, and test them on the same tracks."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
from threadpoolctl import threadpool_limits
from zc.lockfile import LockError, LockFile

from pipeline.augmentation.kind import Chain
from pipeline.augmentation.offline import ChainPlan, make_samples, plan_chains
from pipeline.augmentation.target import AugmentParams
from pipeline.base.cli import about
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.base.parallel import workers
from pipeline.dataset.tracks import Track, read_replica_pairs, read_tracks
from pipeline.evaluation.predictions import Predictions, by_level
from pipeline.evaluation.summary import prediction_rows
from pipeline.folds.assignment import assign_folds
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack, SplitParams
from pipeline.prediction.ensemble import clip_predictions, predict_out_of_fold
from pipeline.prediction.saved import load_model
from pipeline.runs.combination import kept_accuracy
from pipeline.runs.revisions import TrackOutcomes, outcomes_of
from pipeline.store.store import Store
from pipeline.training.cross_validation import Experiment, make_tasks, train_folds
from pipeline.training.trained import MODEL, Record, read_record


@dataclass(frozen=True)
class CrossValidated:
    """Predictions for every clip that is tested, and the record of each fold's training."""

    predictions: Predictions
    records: list[Record]


def cross_validate(
    experiment: Experiment,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    folder: Path = AUGMENTED,
) -> CrossValidated:
    """Train and test on every fold; folds that were trained before come from the cache.

    Parameters
    ----------
    tracks : sequence of FoldedTrack
        The table of folds.
    clips : LabelledClips
        The clips of these tracks.
    folder : Path
        Where augmented samples lie, if the experiment trains on them.
    """
    folders = train_folds(make_tasks(experiment, tracks, clips, folder))
    found = predict_out_of_fold(clips, [load_model(each / MODEL) for each in folders])
    predictions = clip_predictions(clips, found.rows, found.folds, found.probabilities)
    return CrossValidated(predictions, [read_record(each) for each in folders])


def outlook(records: Sequence[Record], folds: int) -> str:
    """Say about how long `folds` folds will train, if each takes as long as those of `records`.

    Those may come from the cache: their records say what they took when they were trained.
    """
    seconds = folds * float(np.mean([record.seconds for record in records]))
    if os.environ.get("PIPELINE_SCHEDULER"):
        return f"{about(seconds)} of training on one core"
    count = min(workers(), folds)
    return f"{about(seconds / count)} of training, {count} at a time"


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder below `parent`, which is deleted when the block ends.

    Those of processes that were killed are deleted when the next one begins: a process holds the
    lock of its folder as long as it lives.
    """
    for lock in parent.glob(f".{name}-*.lock"):
        with suppress(LockError):  # its process is alive
            _delete(lock, LockFile(str(lock)))
    folder = parent / f"{name}-{uuid4().hex[:8]}"
    path = folder.with_name(f".{folder.name}.lock")
    held = LockFile(str(path))
    try:
        folder.mkdir()
        yield folder
    finally:
        _delete(path, held)


def _delete(path: Path, held: LockFile) -> None:
    """Delete a folder and its lock, which this process holds."""
    shutil.rmtree(path.with_name(path.stem[1:]), ignore_errors=True)
    path.unlink(missing_ok=True)
    held.close()


TIMED = 20  # tracks whose samples are timed, on behalf of all


def estimate_sample_seconds(
    augment: AugmentParams, feature: str, tracks: Iterable[Track], seed: int
) -> float:
    """Estimate the seconds that one core takes to make the samples of all labelled `tracks`.

    The samples of up to `TIMED` tracks are made, whether the cache has them or not, and are not
    kept. The estimate for all tracks is in proportion to the number of clips.
    """
    labelled = sorted(track.track_id for track in tracks if track.genre)
    some = labelled[:: -(-len(labelled) // TIMED)]
    with Store(FEATURE_STORES / feature) as rows, Store(CLIPS) as sound:
        clips, timed = (sum(map(rows.clips, ids)) for ids in (labelled, some))
        with threadpool_limits(1):
            seconds = sum(map(_seconds, plan_chains(augment, seed, some, rows, sound)))
    return seconds * clips / timed


def _seconds(plan: ChainPlan) -> float:
    plan.recipe(plan.jobs[0].load())  # what is imported and compiled once is not counted
    started = time.process_time()
    for job in plan.jobs:
        plan.recipe(job.load())
    return time.process_time() - started


@dataclass(frozen=True)
class Trial:
    """One way to augment, and how it did.

    Attributes
    ----------
    name : str
    validation : float
        Accuracy per clip on the inner validation parts, averaged over the folds.
    outcomes : TrackOutcomes
        The tracks' votes.
    seconds : float
        Of one core: how long the folds trained, and an estimate of how long samples take to make.
    megabytes : float
        Size of the augmented samples.
    records : list of Record
        How each fold was trained.
    """

    name: str
    validation: float
    outcomes: TrackOutcomes
    seconds: float
    megabytes: float
    records: list[Record]


@dataclass(frozen=True)
class Trials:
    """What all trials have in common; `folder` is for the samples of the one that runs."""

    experiment: Experiment
    vote: str
    usable: Sequence[Track]
    tracks: Sequence[FoldedTrack]
    clips: LabelledClips
    folder: Path

    def run(self, name: str, kinds: tuple[Chain, ...]) -> Trial:
        """Train and test with `kinds`, in as many training steps as the baseline (`with_kinds`)."""
        experiment = with_kinds(self.experiment, kinds)
        asked = (experiment.augment, experiment.feature, self.usable, experiment.seed)
        making, size = 0.0, 0
        if experiment.augment.mode == "offline":
            make_samples(*asked, self.folder)
            making = estimate_sample_seconds(*asked)
            size = sum(path.stat().st_size for path in self.folder.glob("*/*.h5"))
        found = cross_validate(experiment, self.tracks, self.clips, self.folder)
        patience = experiment.network.patience
        return Trial(
            name,
            float(np.mean([kept_accuracy(record.history, patience) for record in found.records])),
            self._outcomes(found),
            sum(record.seconds for record in found.records) + making,
            size / 1e6,
            found.records,
        )

    def _outcomes(self, found: CrossValidated) -> TrackOutcomes:
        levels = by_level(found.predictions)
        return outcomes_of(prediction_rows(levels["mean"], levels[self.vote], self.clips.genres))


@contextmanager
def open_trials(experiment: Experiment, split: SplitParams, vote: str) -> Iterator[Trials]:
    """Assign the tracks to folds as `split` says, and find their clips.

    The samples go to a folder of their own, which is deleted when the block ends, so that two runs
    do not get in each other's way.

    Raises
    ------
    PipelineError
        The protocol predicts no tracks.
    """
    usable = read_tracks()
    tracks = assign_folds(usable, read_replica_pairs(), split, experiment.seed).tracks
    clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
    if clips.by_clip:
        raise PipelineError(
            f"split.protocol = {split.protocol!r}: predicts no tracks; choose another"
        )
    with scratch_folder(AUGMENTED.parent, "ablation") as parent:
        yield Trials(experiment, vote, usable, tracks, clips, parent / "samples")


def with_kinds(experiment: Experiment, kinds: tuple[Chain, ...]) -> Experiment:
    """The experiment with `kinds` as its only augmentation, and without any where there are none.

    Augmented samples make an epoch longer by the factor 1 + `copies`. `epochs` and `patience` are
    divided by it, to the nearest whole number of at least 1, so that all trials train in as many
    steps.
    """
    augment, network = _only(experiment.augment, kinds), experiment.network
    if augment.mode == "offline":
        longer = 1 + augment.copies
        patience = max(1, round(network.patience / longer)) if network.patience else 0
        network = replace(network, epochs=max(1, round(network.epochs / longer)), patience=patience)
    return replace(experiment, augment=augment, network=network)


def _only(augment: AugmentParams, kinds: tuple[Chain, ...]) -> AugmentParams:
    """With these kinds alone, and no more copies than there are different samples of a clip."""
    random = all(chain.is_random for chain in kinds)
    distinct = len({chain.identity for chain in kinds})
    copies = augment.copies if random else min(augment.copies, distinct)
    return replace(augment, mode=augment.mode if kinds else "none", kinds=kinds, copies=copies)
