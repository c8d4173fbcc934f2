"""Pure: probabilities of clips -> votes of tracks -> rows for the tables in metrics/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import scores
from pipeline.intervals import accuracy_interval, expected_calibration_error

CLIP = "clip"
SEED = 0  # of the bootstrap: the same predictions give the same interval

Array = npt.NDArray[Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """Clips or tracks with what a model says of them.

    Attributes
    ----------
    track_ids : str array, shape (n,)
    actual : int array, shape (n,)
        Index of the actual genre.
    folds : int array, shape (n,)
        The fold in which the row was tested.
    groups : str array, shape (n,)
        What no fold parts, such as the tracks of an artist.
    probabilities : float array, shape (n, genres)
    """

    track_ids: Array
    actual: Array
    folds: Array
    groups: Array
    probabilities: Array

    @property
    def correct(self) -> Array:
        """Whether the highest score is at the actual genre; bool, shape (n,)."""
        return self.probabilities.argmax(axis=1) == self.actual


def judge_tracks(clips: Judged, vote: str) -> Judged:
    """Each track's scores in each fold that judges it, by the vote of its clips."""
    number = np.unique(clips.track_ids, return_inverse=True)[1]
    keys = number * (1 + clips.folds.max()) + clips.folds
    _, first, track = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(track, kind="stable")
    groups = np.split(clips.probabilities[order], np.cumsum(np.bincount(track))[:-1])
    voted = np.stack([scores.VOTERS[vote](group) for group in groups])
    return Judged(
        clips.track_ids[first],
        clips.actual[first],
        clips.folds[first],
        clips.groups[first],
        voted,
    )


def judge_levels(clips: Judged) -> dict[str, Judged]:
    """The clips themselves, and the tracks by each voting rule."""
    return {CLIP: clips, **{vote: judge_tracks(clips, vote) for vote in scores.VOTERS}}


def fold_scores(levels: Mapping[str, Judged]) -> list[Row]:
    """Accuracy, macro F1 and log loss of each fold at each level."""
    rows = []
    for level, judged in levels.items():
        for fold in np.unique(judged.folds):
            part = judged.folds == fold
            actual, probabilities = judged.actual[part], judged.probabilities[part]
            rows.append(
                {
                    "fold": int(fold),
                    "level": level,
                    "accuracy": scores.accuracy(actual, probabilities),
                    "macro_f1": scores.macro_f1(actual, probabilities),
                    "log_loss": scores.log_loss(actual, probabilities),
                }
            )
    return rows


def summarise(levels: Mapping[str, Judged], vote: str) -> Row:
    """The few figures worth comparing between commits.

    They pool what all folds judge; `*_low` and `*_high` are the bounds of a 95 % interval,
    `*_std` is the deviation of the folds' accuracies. What several seeds judge counts once a seed,
    but in `tracks` and `clips` once. Log loss and calibration error are those of the mean
    probability; of a vote, its own.
    """
    summary = {
        **_figures("track", levels[vote]),
        **_figures("clip", levels[CLIP]),
        **_trust("track", levels["mean"]),
        **_trust("clip", levels[CLIP]),
    }
    for level in scores.VOTERS:
        judged = levels[level]
        error = expected_calibration_error(judged.actual, judged.probabilities)
        summary[f"track_accuracy_{level}"] = scores.accuracy(judged.actual, judged.probabilities)
        summary[f"track_calibration_error_{level}"] = error
    return {**summary, **_counts(levels[vote], levels[CLIP])}


def summarise_leaky(clips: Judged) -> Row:
    """Figures of clips whose tracks were trained on, under names that say so."""
    summary = {**_figures("clip", clips), **_trust("clip", clips), "clips": len(clips.actual)}
    return {f"leaky_{name}": value for name, value in summary.items()}


def probability_columns(genres: Sequence[str]) -> list[str]:
    """Columns of the genres' probabilities in a table."""
    return [f"p_{genre}" for genre in genres]


def probability_row(genres: Sequence[str], probabilities: Array) -> Row:
    """Cells of `probability_columns` for one row, shape (genres,)."""
    cells = (f"{value:.4f}" for value in probabilities)
    return dict(zip(probability_columns(genres), cells, strict=True))


def prediction_rows(judged: Judged, voted: Judged, genres: Sequence[str]) -> list[Row]:
    """A row each: actual genre, the one that `voted` says, the probabilities of `judged`."""
    return [
        {
            "track_id": judged.track_ids[row],
            "fold": judged.folds[row],
            "group": judged.groups[row],
            "actual": genres[judged.actual[row]],
            "predicted": genres[voted.probabilities[row].argmax()],
            **probability_row(genres, judged.probabilities[row]),
        }
        for row in range(len(judged.actual))
    ]


def _figures(name: str, judged: Judged) -> Row:
    accuracies = [row["accuracy"] for row in fold_scores({name: judged})]
    low, high = accuracy_interval(judged.correct, judged.groups, SEED)
    return {
        f"{name}_accuracy": scores.accuracy(judged.actual, judged.probabilities),
        f"{name}_accuracy_low": low,
        f"{name}_accuracy_high": high,
        f"{name}_accuracy_std": float(np.std(accuracies, ddof=1)),
        f"{name}_macro_f1": scores.macro_f1(judged.actual, judged.probabilities),
    }


def _counts(tracks: Judged, clips: Judged) -> Row:
    # Every seed judges the same, so every track and clip is judged equally often.
    distinct = len(np.unique(tracks.track_ids))
    return {"tracks": distinct, "clips": len(clips.actual) * distinct // len(tracks.actual)}


def _trust(name: str, judged: Judged) -> Row:
    return {
        f"{name}_log_loss": scores.log_loss(judged.actual, judged.probabilities),
        f"{name}_calibration_error": expected_calibration_error(
            judged.actual, judged.probabilities
        ),
    }
