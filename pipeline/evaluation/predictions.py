"""Predictions for clips, and for tracks by a vote of their clips."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.types import STRICT, Array


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


@strict_dataclass(frozen=True, config=STRICT)
class EvaluateParams:
    """Voting rule of the main figures."""

    vote: Literal["majority", "mean", "product"]


CLIP = "clip"


@dataclass(frozen=True)
class Predictions:
    """What models predict for clips or tracks that they were not trained on.

    Attributes
    ----------
    track_ids : str array, shape (n,)
    actual : int array, shape (n,)
        Index of the actual genre.
    folds : int array, shape (n,)
        Fold, or seed, that tested the row.
    groups : str array, shape (n,)
        Tracks of the same group are never in different folds, such as those of an artist.
    probabilities : float array, shape (n, genres)
    """

    track_ids: Array
    actual: Array
    folds: Array
    groups: Array
    probabilities: Array

    @property
    def correct(self) -> Array:
        """Whether the actual genre has the highest probability; bool, shape (n,)."""
        return self.probabilities.argmax(axis=1) == self.actual


def vote_by_track(clips: Predictions, vote: str) -> Predictions:
    """Scores of each track, by a vote of its clips; one row for each fold that tests it."""
    number = np.unique(clips.track_ids, return_inverse=True)[1]
    keys = number * (1 + clips.folds.max()) + clips.folds
    _, first, track = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(track, kind="stable")
    groups = np.split(clips.probabilities[order], np.cumsum(np.bincount(track))[:-1])
    voted = np.stack([VOTERS[vote](group) for group in groups])
    return Predictions(
        clips.track_ids[first],
        clips.actual[first],
        clips.folds[first],
        clips.groups[first],
        voted,
    )


def by_level(clips: Predictions) -> dict[str, Predictions]:
    """Predictions for clips, and for tracks by each voting rule."""
    return {CLIP: clips, **{vote: vote_by_track(clips, vote) for vote in VOTERS}}
