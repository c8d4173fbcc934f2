"""Stage: test the model of each fold on the tracks that it was not trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.digests import content_digest
from pipeline.base.entry import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.paths import (
    CLIP_PREDICTIONS,
    FEATURE_STORES,
    METRICS,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINED,
    TRAINING,
)
from pipeline.base.sections import read_name, read_section
from pipeline.base.tables import read_csv, read_json, rounded, write_csv, write_json
from pipeline.evaluation import scores
from pipeline.evaluation.headline import headline
from pipeline.evaluation.out_of_fold import clip_predictions
from pipeline.evaluation.params import EvaluateParams
from pipeline.evaluation.predictions import CLIP, Predictions, by_level
from pipeline.evaluation.summary import (
    Row,
    fold_scores,
    prediction_rows,
    split_summary,
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
OF_ONE_RUN = (SPLIT, TRAINING, SUMMARY, PREDICTIONS)


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


def write_tables(
    levels: dict[str, Predictions], tracks: Predictions, genres: list[str], summary: Row
) -> None:
    """Write the summary, and the tables except the histories.

    Parameters
    ----------
    levels : dict of str to Predictions
        For clips, and for tracks by each vote; for clips alone where folds are cut by clip.
    tracks : Predictions
        What the tables of genres are about: tracks, or clips where folds are cut by clip.
    genres : list of str
    summary : dict
        Figures of metrics/summary.json.
    """
    write_json(SUMMARY, summary)
    _write("fold_scores", fold_scores(levels))
    _write("genres", scores.per_genre(tracks.actual, tracks.probabilities, genres))
    pairs = scores.confused_pairs(tracks.actual, tracks.probabilities, genres)
    write_csv(METRICS / "confused_pairs.csv", ["actual", "predicted", "count"], pairs)
    rows = prediction_rows(levels.get("mean", tracks), tracks, genres)
    write_csv(PREDICTIONS, list(rows[0]), map(rounded, rows))
    rows = prediction_rows(levels[CLIP], levels[CLIP], genres)
    write_csv(CLIP_PREDICTIONS, list(rows[0]), rows)


def read_run() -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what `split` and `train` recorded of themselves.

    Raises
    ------
    PipelineError
        The folds of the training are not those of the split.
    """
    split, training = read_json(SPLIT), read_json(TRAINING)
    if training["folds_digest"] != split["folds_digest"]:
        raise PipelineError(f"{TRAINING} is of other folds than {SPLIT}; run `dvc repro`")
    return split, training


def main() -> None:
    """Test the models in data/models."""
    command_line(__doc__).parse_args()
    vote = read_section(EvaluateParams, "evaluate").vote
    split, training = read_run()
    clips = load_labelled(FEATURE_STORES / read_name("feature"), read_folds())
    found = predict_out_of_fold(clips, load_models(TRAINED))
    predictions = clip_predictions(clips, found.rows, found.folds, found.probabilities)
    # Where folds are cut by clip, there are no figures of tracks, and all tables are about clips.
    levels = {CLIP: predictions} if clips.by_clip else by_level(predictions)
    tracks = levels[CLIP if clips.by_clip else vote]
    figures = summarise_leaky(predictions) if clips.by_clip else summarise(levels, vote)
    summary, others = split_summary(rounded(figures))
    write_tables(levels, tracks, clips.genres, summary)
    histories = read_histories(TRAINED)
    _write("history", histories)
    _write("curves", mean_curves(histories))
    digests = {path.as_posix(): content_digest(path.read_bytes()) for path in OF_ONE_RUN}
    write_json(SCORES, {"vote": vote, **others, "sha256": digests})
    asked = training["parameters"]
    trained = f"{asked['model']} on {asked['feature']}"
    print(headline(summary, tracks, clips.genres, split, trained))


def _write(name: str, rows: Sequence[Row]) -> None:
    write_csv(METRICS / f"{name}.csv", list(rows[0]), map(rounded, rows))


if __name__ == "__main__":
    run_stage(main)
