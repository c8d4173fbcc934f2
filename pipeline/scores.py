"""Pure: votes of clips, and what they are worth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

Array = npt.NDArray[Any]


def majority(probabilities: Array) -> Array:
    """Share of the clips that vote for each genre, ties broken by mean probability.

    Parameters
    ----------
    probabilities : float, shape (clips, genres)

    Returns
    -------
    float, shape (genres,)
        Sums to 1; the largest is the genre voted for.
    """
    votes = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]).astype(
        float
    )
    votes += 0.5 * probabilities.mean(axis=0)  # below one vote, so it decides ties alone
    return votes / votes.sum()


def mean(probabilities: Array) -> Array:
    """Mean probability of each genre over (clips, genres); shape (genres,)."""
    result: Array = probabilities.mean(axis=0)
    return result


def product(probabilities: Array) -> Array:
    """Normalised product of the clips' probabilities, (clips, genres) -> (genres,)."""
    logs = np.log(np.maximum(probabilities, 1e-12)).sum(axis=0)
    weights = np.exp(logs - logs.max())
    result: Array = weights / weights.sum()
    return result


VOTERS: dict[str, Callable[[Array], Array]] = {
    "majority": majority,
    "mean": mean,
    "product": product,
}


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
    """Mean of -log of the actual genre's probability, in nats; at most 27.6 a row.

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
    list of dict, one a genre
        `tracks` counts rows: of several seeds, a track once a seed.
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
    list of dict, one a pair
        `count` is of rows, at least 1.
    """
    confusion = metrics.confusion_matrix(actual, scores.argmax(axis=1), labels=range(len(genres)))
    pairs = [
        {"actual": genres[row], "predicted": genres[column], "count": int(confusion[row, column])}
        for row, column in zip(*np.nonzero(confusion), strict=True)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["actual"], pair["predicted"]))
