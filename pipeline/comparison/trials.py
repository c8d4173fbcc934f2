"""Compare augmentations: trials on the same folds and seeds, tested on the same tracks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.augmentation.chains import Chain
from pipeline.augmentation.offline import make_samples
from pipeline.augmentation.params import AugmentParams
from pipeline.base.errors import PipelineError
from pipeline.base.paths import AUGMENTED, FEATURE_STORES
from pipeline.comparison.cross_validate import CrossValidated, cross_validate
from pipeline.comparison.outcomes import TrackOutcomes, outcomes_of
from pipeline.comparison.sample_cost import estimate_sample_seconds
from pipeline.comparison.scratch import scratch_folder
from pipeline.comparison.validation import kept_accuracy
from pipeline.dataset.tracks import Track, read_tracks
from pipeline.evaluation.predictions import by_level
from pipeline.evaluation.summary import prediction_rows
from pipeline.folds.assignment import assign_folds
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.params import SplitParams
from pipeline.folds.table import FoldedTrack
from pipeline.recordings.pairs import read_replica_pairs
from pipeline.training.experiment import Experiment
from pipeline.training.record import Record


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
