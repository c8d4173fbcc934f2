"""Scores of predicted genres against the actual ones."""

from typing import Any

import numpy as np
from sklearn import metrics

from pipeline.base.arrays import Array


def accuracy(actual: Array, scores: Array) -> float:
    """Share of rows whose highest score is at the actual genre's index.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    scores : float array, shape (n, genres)
    """
    return float((scores.argmax(axis=1) == actual).mean())


def macro_f1(actual: Array, scores: Array) -> float:
    """Unweighted mean of the genres' F1, over the genres that are in `actual`.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    scores : float array, shape (n, genres)
    """
    present = np.unique(actual)
    predicted = scores.argmax(axis=1)
    return float(
        metrics.f1_score(actual, predicted, labels=present, average="macro", zero_division=0)
    )


def log_loss(actual: Array, probabilities: Array) -> float:
    """Mean of -log of the actual genre's probability, in nats; at most 27.6 for each row.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    chosen = probabilities[np.arange(len(actual)), actual]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def per_genre(actual: Array, scores: Array, genres: list[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of tracks of each genre.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    scores : float array, shape (n, genres)
    genres : list of str

    Returns
    -------
    list of dict, one for each genre
        `tracks` counts rows: with several seeds, a track counts once for each seed.
    """
    columns = metrics.precision_recall_fscore_support(
        actual, scores.argmax(axis=1), labels=range(len(genres)), zero_division=0
    )
    return [
        {"genre": genre, "precision": p, "recall": r, "f1": f, "tracks": int(n)}
        for genre, p, r, f, n in zip(genres, *columns, strict=True)
    ]


def confused_pairs(actual: Array, scores: Array, genres: list[str]) -> list[dict[str, Any]]:
    """Pairs (actual, predicted) that were confused, the most frequent first.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    scores : float array, shape (n, genres)
    genres : list of str

    Returns
    -------
    list of dict, one for each pair
        `count` is of rows, at least 1.
    """
    confusion = metrics.confusion_matrix(actual, scores.argmax(axis=1), labels=range(len(genres)))
    pairs = [
        {"actual": genres[row], "predicted": genres[column], "count": int(confusion[row, column])}
        for row, column in zip(*np.nonzero(confusion), strict=True)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["actual"], pair["predicted"]))
