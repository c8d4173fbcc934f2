"""The figures and rows of the tables in metrics/, from predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.evaluation import scores
from pipeline.evaluation.intervals import accuracy_interval, expected_calibration_error
from pipeline.evaluation.predictions import CLIP, Predictions
from pipeline.evaluation.votes import VOTERS

SEED = 0  # of the bootstrap: the same predictions give the same interval

Row = dict[str, Any]


def fold_scores(levels: Mapping[str, Predictions]) -> list[Row]:
    """Accuracy, macro F1 and log loss of each fold at each level."""
    rows = []
    for level, predictions in levels.items():
        for fold in np.unique(predictions.folds):
            part = predictions.folds == fold
            actual, probabilities = predictions.actual[part], predictions.probabilities[part]
            rows.append(
                {
                    "fold": int(fold),
                    "level": level,
                    "accuracy": scores.accuracy(actual, probabilities),
                    "macro_f1": scores.macro_f1(actual, probabilities),
                    "log_loss": scores.log_loss(actual, probabilities),
                }
            )
    return rows


def summarise(levels: Mapping[str, Predictions], vote: str) -> Row:
    """The few figures worth comparing between commits.

    They pool what all folds judge; `*_low` and `*_high` are the bounds of a 95 % interval,
    `*_std` is the deviation of the folds' accuracies. What several seeds judge counts once a seed,
    but in `tracks` and `clips` once. Log loss and calibration error are those of the mean
    probability; of a vote, its own.
    """
    summary = {
        **_figures("track", levels[vote]),
        **_figures("clip", levels[CLIP]),
        **_trust("track", levels["mean"]),
        **_trust("clip", levels[CLIP]),
    }
    for level in VOTERS:
        predictions = levels[level]
        error = expected_calibration_error(predictions.actual, predictions.probabilities)
        summary[f"track_accuracy_{level}"] = scores.accuracy(
            predictions.actual, predictions.probabilities
        )
        summary[f"track_calibration_error_{level}"] = error
    return {**summary, **_counts(levels[vote], levels[CLIP])}


def summarise_leaky(clips: Predictions) -> Row:
    """Figures of clips whose tracks were trained on, under names that say so."""
    summary = {**_figures("clip", clips), **_trust("clip", clips), "clips": len(clips.actual)}
    return {f"leaky_{name}": value for name, value in summary.items()}


def probability_columns(genres: Sequence[str]) -> list[str]:
    """Columns of the genres' probabilities in a table."""
    return [f"p_{genre}" for genre in genres]


def probability_row(genres: Sequence[str], probabilities: Array) -> Row:
    """Cells of `probability_columns` for one row, shape (genres,)."""
    cells = (f"{value:.4f}" for value in probabilities)
    return dict(zip(probability_columns(genres), cells, strict=True))


def prediction_rows(
    predictions: Predictions, voted: Predictions, genres: Sequence[str]
) -> list[Row]:
    """Rows with the actual genre, the one that `voted` says, and the probabilities."""
    return [
        {
            "track_id": predictions.track_ids[row],
            "fold": predictions.folds[row],
            "group": predictions.groups[row],
            "actual": genres[predictions.actual[row]],
            "predicted": genres[voted.probabilities[row].argmax()],
            **probability_row(genres, predictions.probabilities[row]),
        }
        for row in range(len(predictions.actual))
    ]


def _figures(name: str, predictions: Predictions) -> Row:
    accuracies = [row["accuracy"] for row in fold_scores({name: predictions})]
    low, high = accuracy_interval(predictions.correct, predictions.groups, SEED)
    return {
        f"{name}_accuracy": scores.accuracy(predictions.actual, predictions.probabilities),
        f"{name}_accuracy_low": low,
        f"{name}_accuracy_high": high,
        f"{name}_accuracy_std": float(np.std(accuracies, ddof=1)),
        f"{name}_macro_f1": scores.macro_f1(predictions.actual, predictions.probabilities),
    }


def _counts(tracks: Predictions, clips: Predictions) -> Row:
    # Every seed judges the same, so every track and clip is predictions equally often.
    distinct = len(np.unique(tracks.track_ids))
    return {"tracks": distinct, "clips": len(clips.actual) * distinct // len(tracks.actual)}


def _trust(name: str, predictions: Predictions) -> Row:
    return {
        f"{name}_log_loss": scores.log_loss(predictions.actual, predictions.probabilities),
        f"{name}_calibration_error": expected_calibration_error(
            predictions.actual, predictions.probabilities
        ),
    }
