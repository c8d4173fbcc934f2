"""Predictions for clips, and for tracks by a vote of their clips."""

from dataclasses import dataclass

import numpy as np

from pipeline.base.arrays import Array
from pipeline.evaluation.votes import VOTERS

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
