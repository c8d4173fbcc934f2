"""The figures of the report, from the tables of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.terminal import percent
from pipeline.evaluation.calibration import Bin, reliability
from pipeline.evaluation.genres import GenreScores, Score, score_genres
from pipeline.evaluation.intervals import accuracy_interval
from pipeline.evaluation.predictions import CLIP, Predictions, by_level
from pipeline.evaluation.scores import expected_calibration_error, macro_f1
from pipeline.evaluation.summary import SEED
from pipeline.pages.charts import Estimate
from pipeline.pages.heard import Row, read_probabilities

NUDGE = 1e-5  # tells apart what was rounded to the same four decimals


@dataclass(frozen=True)
class Card:
    """One figure of the headline; `interval` is low, value and high in percent."""

    label: str
    text: str
    hint: str
    interval: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Figures:
    """Figures of the predictions for tracks and clips.

    Attributes
    ----------
    genres : list of str
    tracks, clips : Predictions
        As metrics/predictions.csv and data/clip_predictions.csv have them.
    by_clip : bool
        Folds are cut by clip: there are no figures of tracks.
    """

    genres: list[str]
    tracks: Predictions
    clips: Predictions
    by_clip: bool

    @cached_property
    def levels(self) -> dict[str, Predictions]:
        """Clips, and tracks by each voting rule."""
        return by_level(self.clips)

    @property
    def scores(self) -> list[GenreScores]:
        """Of each genre, per track."""
        tracks = self.tracks
        predicted = tracks.probabilities.argmax(axis=1)
        return score_genres(tracks.actual, predicted, tracks.groups, self.genres)

    @property
    def votes(self) -> list[Estimate]:
        """Accuracy by each voting rule, in percent."""
        rules = {name: each for name, each in self.levels.items() if name != CLIP}
        return [_estimate(name, accuracy(each)) for name, each in rules.items()]

    @property
    def calibration(self) -> dict[str, list[Bin]]:
        """Bins of a reliability diagram of tracks, by their mean probability, and of clips."""
        names = ["clip"] if self.by_clip else ["mean", "clip"]
        chosen = {name: self.levels[name] for name in names}
        return {name: reliability(p.actual, p.probabilities) for name, p in chosen.items()}

    @property
    def headline(self) -> list[Card]:
        """What the page begins with."""
        mean = self.levels[CLIP if self.by_clip else "mean"]
        error = expected_calibration_error(mean.actual, mean.probabilities)
        commonest = np.bincount(self.tracks.actual).max() / len(self.tracks.actual)
        f1 = macro_f1(self.tracks.actual, self.tracks.probabilities)
        shares = [] if self.by_clip else [_card("Tracks right", accuracy(self.tracks))]
        return [
            *shares,
            _card("Clips right", accuracy(self.clips)),
            Card("Macro F1", f"{f1:.3f}", "mean over the genres"),
            Card("Calibration error", f"{error:.3f}", "mean distance of confidence from accuracy"),
            Card("By chance", f"{percent(commonest)} %", "always the commonest genre"),
        ]

    def confusion(self) -> dict[str, list[list[int]]]:
        """Counts of actual genres (rows) and predicted ones, per track and per clip."""
        named = (
            {"clips": self.clips} if self.by_clip else {"tracks": self.tracks, "clips": self.clips}
        )
        return {name: _count(each, len(self.genres)).tolist() for name, each in named.items()}


def read_figures(tracks: Sequence[Row], clips: Sequence[Row], *, by_clip: bool) -> Figures:
    """Figures from the rows of metrics/predictions.csv and data/clip_predictions.csv."""
    genres = read_probabilities(clips)[0]
    return Figures(genres, _predictions(tracks, genres), _predictions(clips, genres), by_clip)


def accuracy(predictions: Predictions) -> Score:
    """Accuracy with its 95 % interval, as in metrics/summary.json."""
    low, high = accuracy_interval(predictions.correct, predictions.groups, SEED)
    return Score(float(predictions.correct.mean()), low, high)


def _predictions(rows: Sequence[Row], genres: Sequence[str]) -> Predictions:
    """The rows with their probabilities, of which the predicted genre's is made the highest.

    That of a track may be another than the one with the highest mean, where clips vote otherwise.
    """
    index = {genre: number for number, genre in enumerate(genres)}
    _, probabilities = read_probabilities(rows)
    predicted = [index[row["predicted"]] for row in rows]
    at = np.arange(len(rows)), predicted
    probabilities[at] = np.maximum(probabilities[at], probabilities.max(axis=1) + NUDGE)
    return Predictions(
        np.array([row["track_id"] for row in rows]),
        np.array([index[row["actual"]] for row in rows]),
        np.array([int(row["fold"]) for row in rows]),
        np.array([row["group"] for row in rows]),
        probabilities,
    )


def _count(predictions: Predictions, genres: int) -> Array:
    counts = np.zeros((genres, genres), int)
    np.add.at(counts, (predictions.actual, predictions.probabilities.argmax(axis=1)), 1)
    return counts


def _card(label: str, score: Score) -> Card:
    low, high = percent(score.low), percent(score.high)
    interval = (100 * score.low, 100 * score.value, 100 * score.high)
    hint = f"95 % interval {low} to {high}"
    return Card(label, f"{percent(score.value)} %", hint, interval)


def _estimate(label: str, score: Score) -> Estimate:
    low, value, high = (100 * each for each in (score.low, score.value, score.high))
    return Estimate(label, value, low, high, percent(score.value))
