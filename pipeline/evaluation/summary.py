"""The figures of an evaluation: metrics/summary.json, the tables beside it, and the headline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.base.cli import clean, percent
from pipeline.base.types import Array
from pipeline.evaluation import scores
from pipeline.evaluation.intervals import accuracy_interval
from pipeline.evaluation.predictions import CLIP, VOTERS, Predictions

SEED = 0  # of the bootstrap, so that equal predictions give equal intervals
# What metrics/summary.json holds, so that `dvc metrics show` fits on a screen.
HEADLINE = (
    "track_accuracy",
    "track_accuracy_low",
    "track_accuracy_high",
    "track_accuracy_std",
    "track_macro_f1",
    "track_log_loss",
    "track_calibration_error",
    "clip_accuracy",
    "tracks",
    "clips",
)
LEAKY = "leaky_"  # begins the name of every figure that says nothing about new music

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


def accuracies(levels: Mapping[str, Predictions]) -> list[Row]:
    """Accuracy at each level, with the bounds of its 95 % interval."""
    rows = []
    for level, predictions in levels.items():
        low, high = accuracy_interval(predictions.correct, predictions.groups, SEED)
        accuracy = scores.accuracy(predictions.actual, predictions.probabilities)
        rows.append({"level": level, "accuracy": accuracy, "low": low, "high": high})
    return rows


def summarise(levels: Mapping[str, Predictions], vote: str) -> Row:
    """The figures worth comparing between commits.

    The predictions of all folds are pooled. `*_low` and `*_high` are the bounds of a 95 %
    interval, and `*_std` is the standard deviation of the folds' accuracies. A track that several
    seeds test counts once for each, except in `tracks` and `clips`. `track_log_loss` and
    `track_calibration_error` are those of the mean probability.
    """
    summary = {
        **_figures("track", levels[vote]),
        **_figures("clip", levels[CLIP]),
        **_reliability("track", levels["mean"]),
        **_reliability("clip", levels[CLIP]),
    }
    for level in VOTERS:
        scored = levels[level].actual, levels[level].probabilities
        summary[f"track_accuracy_{level}"] = scores.accuracy(*scored)
        summary[f"track_calibration_error_{level}"] = scores.expected_calibration_error(*scored)
    return {**summary, **_counts(levels[vote], levels[CLIP])}


def summarise_leaky(clips: Predictions) -> Row:
    """Figures of clips from tracks that were also trained on, under names that say so."""
    summary = {**_figures("clip", clips), **_reliability("clip", clips), "clips": len(clips.actual)}
    return {f"{LEAKY}{name}": value for name, value in summary.items()}


def split_summary(summary: Row) -> tuple[Row, Row]:
    """Split a summary into what metrics/summary.json holds and what metrics/scores.json does."""
    headline = {
        name: value for name, value in summary.items() if name in HEADLINE or name.startswith(LEAKY)
    }
    return headline, {name: summary[name] for name in summary if name not in headline}


def probability_columns(genres: Sequence[str]) -> list[str]:
    """Names of the columns with the genres' probabilities."""
    return [f"p_{genre}" for genre in genres]


def probability_row(genres: Sequence[str], probabilities: Array) -> Row:
    """Cells of the `probability_columns` for probabilities of shape (genres,)."""
    cells = (f"{value:.4f}" for value in probabilities)
    return dict(zip(probability_columns(genres), cells, strict=True))


def prediction_rows(
    predictions: Predictions, voted: Predictions, genres: Sequence[str]
) -> list[Row]:
    """Rows with the actual genre, the one that `voted` predicts, and the probabilities."""
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
    scored = predictions.actual, predictions.probabilities
    by_fold = [row["accuracy"] for row in fold_scores({name: predictions})]
    low, high = accuracy_interval(predictions.correct, predictions.groups, SEED)
    return {
        f"{name}_accuracy": scores.accuracy(*scored),
        f"{name}_accuracy_low": low,
        f"{name}_accuracy_high": high,
        f"{name}_accuracy_std": float(np.std(by_fold, ddof=1)),
        f"{name}_macro_f1": scores.macro_f1(*scored),
    }


def _counts(tracks: Predictions, clips: Predictions) -> Row:
    # Several seeds test the same tracks, so every track and clip occurs equally often.
    distinct = len(np.unique(tracks.track_ids))
    return {"tracks": distinct, "clips": len(clips.actual) * distinct // len(tracks.actual)}


def _reliability(name: str, predictions: Predictions) -> Row:
    scored = predictions.actual, predictions.probabilities
    return {
        f"{name}_log_loss": scores.log_loss(*scored),
        f"{name}_calibration_error": scores.expected_calibration_error(*scored),
    }


MOST_PAIRS = 3  # confused pairs that are named
NEXT = "next: `python -m pipeline.compare HEAD`, `python -m pipeline.experiments`, `dvc plots show`"


def headline(
    summary: Mapping[str, Any],
    predictions: Predictions,
    genres: Sequence[str],
    split: Mapping[str, Any],
    trained: str,
) -> str:
    """Accuracy, what it is of, best and worst genre, what is most confused, where to look next.

    Parameters
    ----------
    summary : mapping
        As `summarise` or `summarise_leaky` made it.
    predictions : Predictions
        For tracks; for clips, where folds are cut by clip.
    genres : sequence of str
    split : mapping
        Figures of metrics/split.json.
    trained : str
        What was trained, such as "cnn on mel".
    """
    parts = "folds" if split["judged"] == "all" else f"seeds, {split['judged']} part"
    lines = [
        _accuracy(summary),
        f"of {summary.get('tracks', split['tracks'])} tracks, split by {split['protocol']} "
        f"({split['folds']} {parts}); {trained}",
        _extremes(predictions, genres),
        _confusion(predictions, genres),
        NEXT,
    ]
    return "\n".join(map(clean, lines))


def _accuracy(summary: Mapping[str, Any]) -> str:
    leaky = f"{LEAKY}clip_accuracy"
    name = leaky if leaky in summary else "track_accuracy"
    low, high = (percent(summary[f"{name}_{bound}"]) for bound in ("low", "high"))
    found = f"{percent(summary[name])} % (95 % interval: {low} to {high})"
    if name == leaky:
        return f"leaky accuracy of clips: {found}, which says nothing about new music"
    return f"accuracy of tracks: {found}"


def _extremes(predictions: Predictions, genres: Sequence[str]) -> str:
    """The tested genres with the largest and the smallest share of right rows."""
    actual = predictions.actual
    rows = np.bincount(actual, minlength=len(genres))
    right = np.bincount(actual[predictions.correct], minlength=len(genres))
    tested = np.flatnonzero(rows)
    ordered = tested[np.argsort(-right[tested] / rows[tested], kind="stable")]
    best, worst = (
        f"{genres[genre]}, {right[genre]} of {rows[genre]} right" for genre in ordered[[0, -1]]
    )
    return f"best genre: {best}; worst: {worst}"


def _confusion(predictions: Predictions, genres: Sequence[str]) -> str:
    pairs = scores.confused_pairs(predictions.actual, predictions.probabilities, list(genres))
    if not pairs:
        return "most confused: nothing"
    named = [f"{p['actual']} taken for {p['predicted']} ({p['count']})" for p in pairs[:MOST_PAIRS]]
    return f"most confused: {', '.join(named)}"
