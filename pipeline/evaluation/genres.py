"""Precision, recall and F1 of each genre, with intervals."""

from dataclasses import dataclass

import numpy as np

from pipeline.base.arrays import Array
from pipeline.evaluation.intervals import accuracy_interval

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
