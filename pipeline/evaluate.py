"""Stage: test the model of each fold on the tracks that it was not trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.base.entry import command_line, run_stage
from pipeline.base.paths import CLIP_PREDICTIONS, FEATURE_STORES, METRICS, TRAINED
from pipeline.base.sections import read_name, read_section
from pipeline.base.tables import read_csv, rounded, write_csv, write_json
from pipeline.evaluation import scores
from pipeline.evaluation.out_of_fold import clip_predictions
from pipeline.evaluation.params import EvaluateParams
from pipeline.evaluation.predictions import CLIP, Predictions, by_level
from pipeline.evaluation.summary import (
    Row,
    fold_scores,
    prediction_rows,
    summarise,
    summarise_leaky,
)
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.training.ensemble import load_models
from pipeline.training.testing import predict_out_of_fold

CURVES = {
    "training_accuracy": "accuracy",
    "validation_accuracy": "val_accuracy",
    "training_loss": "loss",
    "validation_loss": "val_loss",
}


def read_histories(folder: Path) -> list[Row]:
    """Read the losses and accuracies of every fold and epoch."""
    rows: list[Row] = []
    for path in sorted(folder.glob("fold-*.csv"), key=lambda path: int(path.stem[5:])):
        rows += [{"fold": path.stem[5:], **row} for row in read_csv(path)]
    return rows


def mean_curves(histories: Sequence[Row]) -> list[Row]:
    """Average each epoch over the folds that trained that long."""
    curves = []
    for epoch in sorted({int(row["epoch"]) for row in histories}):
        rows = [row for row in histories if int(row["epoch"]) == epoch]
        curve: Row = {"epoch": epoch}
        for column, source in CURVES.items():
            curve[column] = float(np.mean([float(row[source]) for row in rows]))
        curves.append({**curve, "folds": len(rows)})
    return curves


def write_tables(clips: Predictions, genres: list[str], vote: str, by_clip: bool) -> None:
    """Write the tables in metrics/, except the histories, and the predictions for clips.

    If folds are cut `by_clip`, there are no figures of tracks, and all tables are about clips.
    """
    levels = {CLIP: clips} if by_clip else by_level(clips)
    tracks = levels.get(vote, clips)
    summary = summarise_leaky(clips) if by_clip else summarise(levels, vote)
    write_json(METRICS / "summary.json", rounded(summary))
    _write("fold_scores", fold_scores(levels))
    _write("genres", scores.per_genre(tracks.actual, tracks.probabilities, genres))
    pairs = scores.confused_pairs(tracks.actual, tracks.probabilities, genres)
    write_csv(METRICS / "confused_pairs.csv", ["actual", "predicted", "count"], pairs)
    _write("predictions", prediction_rows(levels.get("mean", clips), tracks, genres))
    rows = prediction_rows(clips, levels[CLIP], genres)
    write_csv(CLIP_PREDICTIONS, list(rows[0]), rows)


def main() -> None:
    """Test the models in data/models."""
    command_line(__doc__).parse_args()
    vote = read_section(EvaluateParams, "evaluate").vote
    clips = load_labelled(FEATURE_STORES / read_name("feature"), read_folds())
    found = predict_out_of_fold(clips, load_models(TRAINED))
    predictions = clip_predictions(clips, found.rows, found.folds, found.probabilities)
    write_tables(predictions, clips.genres, vote, clips.by_clip)
    histories = read_histories(TRAINED)
    _write("history", histories)
    _write("curves", mean_curves(histories))


def _write(name: str, rows: Sequence[Row]) -> None:
    write_csv(METRICS / f"{name}.csv", list(rows[0]), map(rounded, rows))


if __name__ == "__main__":
    run_stage(main)
