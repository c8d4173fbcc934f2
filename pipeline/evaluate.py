"""Stage: each fold's model judges the tracks that it never saw -> the tables in metrics/."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.saved import TRAINED, load_models
from pipeline import scores
from pipeline.errors import run_stage
from pipeline.judge import (
    CLIP,
    Judged,
    Row,
    fold_scores,
    judge_levels,
    prediction_rows,
    summarise,
    summarise_leaky,
)
from pipeline.judging import judge_clips
from pipeline.labelled import load_labelled
from pipeline.params import load_params
from pipeline.store import FEATURE_STORES
from pipeline.tables import read_csv, rounded, write_csv, write_json
from pipeline.tracks import read_folds

METRICS = Path("metrics")
CLIP_PREDICTIONS = Path("data/clip_predictions.csv")

CURVES = {
    "training_accuracy": "accuracy",
    "validation_accuracy": "val_accuracy",
    "training_loss": "loss",
    "validation_loss": "val_loss",
}


def read_histories(folder: Path) -> list[Row]:
    """Every fold's and epoch's losses and accuracies."""
    rows: list[Row] = []
    for path in sorted(folder.glob("fold-*.csv"), key=lambda path: int(path.stem[5:])):
        rows += [{"fold": path.stem[5:], **row} for row in read_csv(path)]
    return rows


def mean_curves(histories: Sequence[Row]) -> list[Row]:
    """Per epoch the mean over the folds that trained that long."""
    curves = []
    for epoch in sorted({int(row["epoch"]) for row in histories}):
        rows = [row for row in histories if int(row["epoch"]) == epoch]
        curve: Row = {"epoch": epoch}
        for column, source in CURVES.items():
            curve[column] = float(np.mean([float(row[source]) for row in rows]))
        curves.append({**curve, "folds": len(rows)})
    return curves


def write_tables(clips: Judged, genres: list[str], vote: str, by_clip: bool) -> None:
    """Everything in metrics/ but the histories, and the clips' predictions.

    Where folds are dealt `by_clip` no track is judged, and the tables are of clips.
    """
    levels = {CLIP: clips} if by_clip else judge_levels(clips)
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
    """Judge the models in models/trained."""
    params = load_params()
    clips = load_labelled(FEATURE_STORES / params.feature, read_folds())
    judged = judge_clips(clips, load_models(TRAINED))
    write_tables(judged, clips.genres, params.evaluate.vote, clips.by_clip)
    histories = read_histories(TRAINED)
    _write("history", histories)
    _write("curves", mean_curves(histories))


def _write(name: str, rows: Sequence[Row]) -> None:
    write_csv(METRICS / f"{name}.csv", list(rows[0]), map(rounded, rows))


if __name__ == "__main__":
    run_stage(main)
