"""Stage: train the chosen model on every fold, and write the models to data/models.

What each fold's model predicts for its inner validation clips is written beside them: the folds of
that table are those whose models predicted.
"""

import numpy as np

from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import (
    FEATURE_STORES,
    HISTORIES,
    SUMMARY,
    TRAINED,
    TRAINING,
    VALIDATION_PREDICTIONS,
    write_csv,
    write_json,
)
from pipeline.evaluation.predictions import write_predictions
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.prediction.ensemble import tabulate
from pipeline.store.build import replacing_folder
from pipeline.store.cache import link
from pipeline.training.cross_validation import (
    describe_training,
    make_tasks,
    read_experiment,
    train_folds,
)
from pipeline.training.trained import MODEL, read_record, read_validation
from pipeline.training.watching import COLUMNS, history_rows


def main() -> None:
    """Train the model that params.yaml names on every fold."""
    command_line(__doc__).parse_args()
    experiment = read_experiment()
    tracks = read_folds()
    clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
    tasks = make_tasks(experiment, tracks, clips)
    folds = [task.description.fold for task in tasks]
    SUMMARY.unlink(missing_ok=True)  # DVC would show the last run's figures as those of this one
    write_csv(HISTORIES, COLUMNS, [])  # to which every epoch adds a line
    with replacing_folder(TRAINED) as trained:
        folders = train_folds(tasks, HISTORIES.absolute())
        records = [read_record(folder) for folder in folders]
        for fold, folder in zip(folds, folders, strict=True):
            link(folder / MODEL, trained / f"fold-{fold}.keras")
        validation = np.concatenate([read_validation(folder) for folder in folders])
    rows = [task.validation for task in tasks]
    validated_by = np.repeat(folds, list(map(len, rows)))
    table = tabulate(clips, np.concatenate(rows), validated_by, validation)
    write_predictions(VALIDATION_PREDICTIONS, table)
    histories = {fold: record.history for fold, record in zip(folds, records, strict=True)}
    write_csv(HISTORIES, COLUMNS, history_rows(histories))
    write_json(TRAINING, describe_training(experiment, clips, tasks, records))


if __name__ == "__main__":
    run_stage(main)
