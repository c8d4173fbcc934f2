"""Scores of predictions against the actual genres, of all rows and of each genre."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.base.types import Array
from pipeline.evaluation.intervals import accuracy_interval

CALIBRATION_BINS = 15
LEAST_PROBABILITY = 1e-12  # so that a log loss is finite
RESAMPLES = 2000  # of the interval of a genre's score


def macro_f1(actual: Array, predicted: Array) -> float:
    """Unweighted mean of F1 over the genres that occur in `actual`.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Index of each row's genre.
    """
    from sklearn.metrics import f1_score  # it takes a second to import

    present = np.unique(actual)
    return float(f1_score(actual, predicted, labels=present, average="macro", zero_division=0))


def log_loss(actual: Array, probabilities: Array) -> float:
    """Mean of minus the log of the actual genre's probability, in nats; at most 27.6 per row.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    chosen = probabilities[np.arange(len(actual)), actual]
    return float(-np.log(np.maximum(chosen, LEAST_PROBABILITY)).mean())


def expected_calibration_error(actual: Array, probabilities: Array) -> float:
    """Mean distance of confidence from accuracy (Guo et al., 2017, equation 3).

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of the actual genre.
    probabilities : float array, shape (n, genres)
        The confidence of a row is its highest probability. It falls into one of 15 bins of equal
        width, each open below and closed above.

    Returns
    -------
    float
        Mean over the rows of |accuracy - mean confidence| in their bin; 0 is best.
    """
    confidence, correct, number = _calibration(actual, probabilities)
    return float(np.abs(np.bincount(number, correct - confidence)).sum() / len(actual))


@dataclass(frozen=True)
class Bin:
    """Rows of similar confidence.

    Attributes
    ----------
    confidence : float
        Mean of their highest probabilities.
    accuracy : float
        Share of them that are right.
    rows : int
        At least 1.
    """

    confidence: float
    accuracy: float
    rows: int


def reliability(actual: Array, probabilities: Array) -> list[Bin]:
    """The bins of `expected_calibration_error` that are not empty, in order.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    confidence, correct, number = _calibration(actual, probabilities)
    inside = [number == each for each in np.unique(number)]
    return [
        Bin(float(confidence[rows].mean()), float(correct[rows].mean()), int(rows.sum()))
        for rows in inside
    ]


def _calibration(actual: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """The confidence of each row, whether it is right, and the number of its bin."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == actual
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    return confidence, correct, np.digitize(confidence, edges, right=True)


def confused_pairs(actual: Array, predicted: Array, genres: list[str]) -> list[dict[str, Any]]:
    """Count the confused pairs of genres, the most frequent first.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Indices into `genres`.
    genres : list of str

    Returns
    -------
    list of dict, one for each pair of `actual` and `predicted`
        `count` is the number of rows, at least 1.
    """
    wrong = np.column_stack([actual, predicted])[actual != predicted]
    pairs = [
        {"actual": genres[each[0]], "predicted": genres[each[1]], "count": int(count)}
        for each, count in zip(*np.unique(wrong, axis=0, return_counts=True), strict=True)
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["actual"], pair["predicted"]))


def per_genre(actual: Array, predicted: Array, genres: list[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of tracks of each genre.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Indices into `genres`.
    genres : list of str

    Returns
    -------
    list of dict, one for each genre
        `tracks` is a number of rows: with several seeds, a track counts once for each.
    """
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        actual, predicted, labels=range(len(genres)), zero_division=0
    )
    return [
        {"genre": genre, "precision": p, "recall": r, "f1": f, "tracks": int(n)}
        for genre, p, r, f, n in zip(genres, *columns, strict=True)
    ]


@dataclass(frozen=True)
class Score:
    """A share between 0 and 1 with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GenreScores:
    """How well one genre is recognised.

    Attributes
    ----------
    tracks : int
        Rows of this genre.
    precision : Score or None
        None if nothing is predicted as this genre.
    recall, f1 : Score or None
        None if there is nothing of this genre; for F1, nothing predicted either.
    """

    genre: str
    tracks: int
    precision: Score | None
    recall: Score | None
    f1: Score | None


def score_genres(
    actual: Array, predicted: Array, groups: Array, genres: list[str]
) -> list[GenreScores]:
    """Score each genre, with intervals by the bootstrap over groups.

    Each of the three is the accuracy of some rows: precision of those that are predicted as the
    genre, recall of those that are of it, and F1 = 2 TP / (2 TP + FP + FN) of both together.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Indices into `genres`.
    groups : array, shape (n,)
        As in `intervals.accuracy_interval`.
    """
    correct = actual == predicted
    scores = []
    for index, genre in enumerate(genres):
        claimed, present = np.flatnonzero(predicted == index), np.flatnonzero(actual == index)
        either = np.concatenate([claimed, present])
        parts = (_score(correct[rows], groups[rows]) for rows in (claimed, present, either))
        scores.append(GenreScores(genre, len(present), *parts))
    return scores


def _score(correct: Array, groups: Array) -> Score | None:
    if not len(correct):
        return None
    low, high = accuracy_interval(correct, groups, resamples=RESAMPLES)
    return Score(float(correct.mean()), low, high)
