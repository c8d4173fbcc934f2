"""Train an experiment on every fold, and predict what each fold's model never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.paths import AUGMENTED
from pipeline.evaluation.out_of_fold import clip_predictions
from pipeline.evaluation.predictions import Predictions
from pipeline.folds.labelled import LabelledClips
from pipeline.folds.table import FoldedTrack
from pipeline.training.cross_validation import train_folds
from pipeline.training.experiment import Experiment
from pipeline.training.loading import load_model
from pipeline.training.record import MODEL, Record, read_record
from pipeline.training.tasks import make_tasks
from pipeline.training.testing import predict_out_of_fold


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
