"""What a revision's models predicted for each track, and whether they were right."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.base.arrays import Array

COLUMNS = ("track_id", "fold", "group", "actual", "predicted")
PROBABILITY = "p_"

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class TrackOutcomes:
    """Predictions for the tested tracks, sorted by track id.

    Attributes
    ----------
    track_ids, groups, actual : str array, shape (tracks,)
        A bootstrap draws the tracks of a group together: those of one artist, where known.
    predicted : str array, shape (tracks,)
        The vote; for a track with several rows (seeds), the genre of the highest mean probability.
    correct : float array, shape (tracks,)
        Share of the track's rows whose vote is right.
    folds : str array, shape (tracks,)
        The folds, or seeds, that test the track: sorted, separated by spaces.
    seeds : int
        The most rows that a track has.
    """

    track_ids: Array
    groups: Array
    actual: Array
    predicted: Array
    correct: Array
    folds: Array
    seeds: int

    @property
    def right(self) -> Array:
        """Whether `predicted` is the actual genre; bool, shape (tracks,)."""
        return self.predicted == self.actual


def track_outcomes(rows: Rows) -> TrackOutcomes:
    """Gather the rows of metrics/predictions.csv by track.

    Parameters
    ----------
    rows : sequence of mappings
        One row for each track and seed, with `COLUMNS` and a column `p_<genre>` for each genre.
    """
    by_track: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        by_track[row["track_id"]].append(row)
    tracks = [by_track[track_id] for track_id in sorted(by_track)]
    return TrackOutcomes(
        track_ids=np.array([track[0]["track_id"] for track in tracks]),
        groups=np.array([track[0]["group"] for track in tracks]),
        actual=np.array([track[0]["actual"] for track in tracks]),
        predicted=np.array([_consensus(track) for track in tracks]),
        correct=np.array([_share_right(track) for track in tracks]),
        folds=np.array([" ".join(sorted(row["fold"] for row in track)) for track in tracks]),
        seeds=max(map(len, tracks)),
    )


def outcomes_of(rows: Sequence[Mapping[str, Any]]) -> TrackOutcomes:
    """Gather rows of `prediction_rows` by track, as if they had been written and read again."""
    return track_outcomes([{name: str(cell) for name, cell in row.items()} for row in rows])


def genres_of(rows: Rows) -> list[str]:
    """Genres of the columns `p_<genre>`, in their order."""
    return [name.removeprefix(PROBABILITY) for name in rows[0] if name.startswith(PROBABILITY)]


def _share_right(rows: Rows) -> float:
    return float(np.mean([row["predicted"] == row["actual"] for row in rows]))


def _consensus(rows: Rows) -> str:
    if len(rows) == 1:
        return rows[0]["predicted"]
    genres = genres_of(rows)
    means = [np.mean([float(row[f"{PROBABILITY}{genre}"]) for row in rows]) for genre in genres]
    return genres[int(np.argmax(means))]
