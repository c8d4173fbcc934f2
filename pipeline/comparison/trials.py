"""Compare ways to train: on the same folds and seeds, tested on the same tracks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.augmentation.chains import Chain
from pipeline.augmentation.offline import estimate_seconds, make_samples
from pipeline.augmentation.params import AugmentParams
from pipeline.base.errors import PipelineError
from pipeline.base.paths import AUGMENTED, FEATURE_STORES
from pipeline.comparison.cross_validate import cross_validate
from pipeline.comparison.outcomes import TrackOutcomes, track_outcomes
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
    """One way to train, and how it did.

    Attributes
    ----------
    validation : float
        Accuracy per clip on the inner validation parts, mean over folds.
    seconds : float
        Of one core: that the folds trained, and an estimate of what the samples take to make.
    megabytes : float
        Of augmented samples.
    """

    name: str
    validation: float
    outcomes: TrackOutcomes
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Bench:
    """What all trials have in common; `folder` is for the samples of the one that runs."""

    experiment: Experiment
    vote: str
    usable: Sequence[Track]
    tracks: Sequence[FoldedTrack]
    clips: LabelledClips
    folder: Path

    def run(self, name: str, kinds: tuple[Chain, ...]) -> Trial:
        """Train and test with `kinds`, in as many steps as without any; see `with_kinds`."""
        experiment = with_kinds(self.experiment, kinds)
        samples = (experiment.augment, experiment.feature, self.usable, experiment.seed)
        offline = experiment.augment.mode == "offline"
        if offline:
            make_samples(*samples, self.folder)
        found = cross_validate(experiment, self.tracks, self.clips, self.folder)
        levels = by_level(found.predictions)
        rows = prediction_rows(levels["mean"], levels[self.vote], self.clips.genres)
        patience = experiment.network.patience
        return Trial(
            name,
            float(np.mean([kept_accuracy(record, patience) for record in found.records])),
            track_outcomes([{key: str(value) for key, value in row.items()} for row in rows]),
            sum(record.seconds for record in found.records)
            + (estimate_seconds(*samples) if offline else 0),
            sum(path.stat().st_size for path in self.folder.glob("*/*.h5")) / 1e6 if offline else 0,
        )


@contextmanager
def open_bench(experiment: Experiment, split: SplitParams, vote: str) -> Iterator[Bench]:
    """Assign the tracks to folds as `split` says, and find their clips.

    The samples are in a new folder, which goes when the block ends: those of two runs do not meet.
    """
    usable = read_tracks()
    tracks = assign_folds(usable, read_replica_pairs(), split, experiment.seed).tracks
    clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
    if clips.by_clip:
        raise PipelineError("split.protocol = 'clip' judges no track; choose another")
    with TemporaryDirectory(prefix="ablation-", dir=AUGMENTED.parent) as room:
        yield Bench(experiment, vote, usable, tracks, clips, Path(room) / "samples")


def with_kinds(experiment: Experiment, kinds: tuple[Chain, ...]) -> Experiment:
    """The experiment with these `kinds` alone; without augmentation where there are none.

    Augmented samples make an epoch longer by `copies`. The epochs, and those of `patience`, are as
    many fewer, to the nearest whole number above 0, so that what is compared trains in as many
    steps.
    """
    augment, network = _only(experiment.augment, kinds), experiment.network
    if augment.mode == "offline":
        longer = 1 + augment.copies
        patience = max(1, round(network.patience / longer)) if network.patience else 0
        network = replace(network, epochs=max(1, round(network.epochs / longer)), patience=patience)
    return replace(experiment, augment=augment, network=network)


def _only(augment: AugmentParams, kinds: tuple[Chain, ...]) -> AugmentParams:
    """With these kinds alone; no clip has two samples that are the same."""
    random = all(chain.is_random for chain in kinds)
    distinct = len({chain.identity for chain in kinds})
    copies = augment.copies if random else min(augment.copies, distinct)
    return replace(augment, mode=augment.mode if kinds else "none", kinds=kinds, copies=copies)


def kept_accuracy(record: Record, patience: int) -> float:
    """Inner validation accuracy of the weights that were kept: the best epoch's, or the last's."""
    history = record.history
    kept = min(history, key=lambda row: row["val_loss"]) if patience else history[-1]
    return kept["val_accuracy"]
