"""What an evaluation found, in five lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.base.terminal import clean, percent
from pipeline.evaluation import scores
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.summary import LEAKY

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
