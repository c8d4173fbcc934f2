"""How the clips of a track vote for its genre."""

from collections.abc import Callable

import numpy as np

from pipeline.base.arrays import Array


def majority(probabilities: Array) -> Array:
    """Share of the clips that vote for each genre, where the mean probability breaks ties.

    Parameters
    ----------
    probabilities : float, shape (clips, genres)

    Returns
    -------
    float, shape (genres,)
        Sums to 1; the genre with the most votes has the largest value.
    """
    votes = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]).astype(
        float
    )
    votes += 0.5 * probabilities.mean(axis=0)  # less than one vote, so it only breaks ties
    return votes / votes.sum()


def mean(probabilities: Array) -> Array:
    """Mean of the clips' probabilities, (clips, genres) -> (genres,)."""
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
