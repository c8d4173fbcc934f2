"""Stage: test the model of each fold on the tracks that it was not trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    CLIP_PREDICTIONS,
    FEATURE_STORES,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINED,
    TRAINING,
    content_digest,
    read_csv,
    read_json,
    rounded,
    write_csv,
    write_json,
)
from pipeline.base.params import read_name, read_section
from pipeline.evaluation import scores
from pipeline.evaluation.predictions import CLIP, EvaluateParams, Predictions, by_level
from pipeline.evaluation.summary import (
    Row,
    accuracies,
    fold_scores,
    headline,
    prediction_rows,
    split_summary,
    summarise,
    summarise_leaky,
)
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.prediction.ensemble import clip_predictions, load_models, predict_out_of_fold

CURVES = {
    "training_accuracy": "accuracy",
    "validation_accuracy": "val_accuracy",
    "training_loss": "loss",
    "validation_loss": "val_loss",
}
OF_ONE_RUN = (SPLIT, TRAINING, HISTORIES, SUMMARY, PREDICTIONS)


def mean_curves(histories: Sequence[Row]) -> list[Row]:
    """Average the folds in each epoch, where one that stopped early stays at its last values.

    Without these, the means of the last epochs would be those of the few folds that are left.

    Parameters
    ----------
    histories : sequence of dict
        One row for each fold and epoch, the epochs of a fold in their order.

    Returns
    -------
    list of dict, one for each epoch
        `folds` is the number of those that still trained.
    """
    folds: dict[str, list[Row]] = {}
    for row in histories:
        folds.setdefault(row["fold"], []).append(row)
    curves = []
    for number in range(max(map(len, folds.values()))):
        rows = [fold[min(number, len(fold) - 1)] for fold in folds.values()]
        curve: Row = {"epoch": max(int(row["epoch"]) for row in rows)}
        for column, source in CURVES.items():
            curve[column] = float(np.mean([float(row[source]) for row in rows]))
        curves.append({**curve, "folds": sum(number < len(fold) for fold in folds.values())})
    return curves


def write_tables(
    clips: Predictions, genres: list[str], vote: str, *, by_clip: bool
) -> tuple[Predictions, Row]:
    """Write the summary, and the tables except the histories.

    If folds are cut `by_clip`, there are no figures of tracks, and all tables are about clips.

    Returns
    -------
    Predictions
        What the tables of genres are about: tracks by `vote`, or clips.
    dict
        All figures, which metrics/summary.json and scores.json share.
    """
    levels = {CLIP: clips} if by_clip else by_level(clips)
    tracks = levels.get(vote, clips)
    figures = rounded(summarise_leaky(clips) if by_clip else summarise(levels, vote))
    write_json(SUMMARY, split_summary(figures)[0])
    _write("accuracies", accuracies(levels))
    _write("fold_scores", fold_scores(levels))
    _write("genres", scores.per_genre(tracks.actual, tracks.probabilities, genres))
    pairs = scores.confused_pairs(tracks.actual, tracks.probabilities, genres)
    write_csv(METRICS / "confused_pairs.csv", ["actual", "predicted", "count"], pairs)
    _write("predictions", prediction_rows(levels.get("mean", clips), tracks, genres))
    rows = prediction_rows(clips, levels[CLIP], genres)
    write_csv(CLIP_PREDICTIONS, list(rows[0]), rows)
    return tracks, figures


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
    tracks, figures = write_tables(predictions, clips.genres, vote, by_clip=clips.by_clip)
    _write("curves", mean_curves(read_csv(HISTORIES)))
    digests = {path.as_posix(): content_digest(path.read_bytes()) for path in OF_ONE_RUN}
    write_json(SCORES, {"vote": vote, **split_summary(figures)[1], "sha256": digests})
    asked = training["parameters"]
    trained = f"{asked['model']} on {asked['feature']}"
    print(headline(figures, tracks, clips.genres, split, trained))


def _write(name: str, rows: Sequence[Row]) -> None:
    write_csv(METRICS / f"{name}.csv", list(rows[0]), map(rounded, rows))


if __name__ == "__main__":
    run_stage(main)
