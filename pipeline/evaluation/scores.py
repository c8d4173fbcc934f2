"""Scores of predictions against the actual genres, of all rows and of each genre."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics

from pipeline.base.types import Array
from pipeline.evaluation.intervals import accuracy_interval

CALIBRATION_BINS = 15
LEAST_PROBABILITY = 1e-12  # so that a log loss is finite


def macro_f1(actual: Array, predicted: Array) -> float:
    """Unweighted mean of F1 over the genres that occur in `actual`.

    Parameters
    ----------
    actual, predicted : int array, shape (n,)
        Index of each row's genre.
    """
    present = np.unique(actual)
    return float(
        metrics.f1_score(actual, predicted, labels=present, average="macro", zero_division=0)
    )


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
    confidence = probabilities.max(axis=1)
    excess = (probabilities.argmax(axis=1) == actual) - confidence
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    by_bin = np.bincount(np.digitize(confidence, edges, right=True), excess)
    return float(np.abs(by_bin).sum() / len(actual))


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
    columns = metrics.precision_recall_fscore_support(
        actual, predicted, labels=range(len(genres)), zero_division=0
    )
    return [
        {"genre": genre, "precision": p, "recall": r, "f1": f, "tracks": int(n)}
        for genre, p, r, f, n in zip(genres, *columns, strict=True)
    ]


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
    confusion = metrics.confusion_matrix(actual, predicted, labels=range(len(genres)))
    pairs = [
        {"actual": genres[row], "predicted": genres[column], "count": int(confusion[row, column])}
        for row, column in zip(*np.nonzero(confusion), strict=True)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["actual"], pair["predicted"]))


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
    """The bins of `scores.expected_calibration_error` that are not empty, in order.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == actual
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    number = np.digitize(confidence, edges, right=True)
    return [
        Bin(
            float(confidence[number == each].mean()),
            float(correct[number == each].mean()),
            int((number == each).sum()),
        )
        for each in np.unique(number)
    ]


SEED = 0  # of the bootstrap, so that equal predictions give equal intervals
RESAMPLES = 2000


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
    low, high = accuracy_interval(correct, groups, SEED, resamples=RESAMPLES)
    return Score(float(correct.mean()), low, high)
