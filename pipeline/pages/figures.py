"""The figures of the report, how they were made, and what to know before believing them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.base.cli import duration, percent
from pipeline.base.types import Array
from pipeline.evaluation.intervals import accuracy_interval
from pipeline.evaluation.predictions import CLIP, Predictions, by_level
from pipeline.evaluation.scores import (
    Bin,
    GenreScores,
    Score,
    expected_calibration_error,
    macro_f1,
    reliability,
    score_genres,
)
from pipeline.evaluation.summary import SEED
from pipeline.pages.charts import Estimate

PROBABILITY = "p_"  # how the columns of probabilities begin; what follows is the genre
NUDGE = 1e-5  # tells apart what was rounded to the same four decimals

Row = Mapping[str, str]


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


Rows = list[tuple[str, str]]
RUN = "Run"
# Keys of metrics/training.json that get a table of their own.
APART = ("parameters", "versions", "seconds", "seconds_of_folds")


@dataclass(frozen=True)
class Table:
    """Names and values under a title; a note says what is to be known of them."""

    title: str
    rows: Rows
    note: str = ""


def how_it_was_made(record: Mapping[str, Any], split: Mapping[str, Any]) -> list[Table]:
    """Tables from metrics/training.json and metrics/split.json.

    What a file lacks is in no table.
    """
    tables = [
        *_parameters(record.get("parameters", {})),
        Table("Training", _flat({key: each for key, each in record.items() if key not in APART})),
        Table("Versions", _flat(record.get("versions", {})), "As training found them."),
        _durations(record),
        Table("Folds", _flat(split)),
    ]
    return [table for table in tables if table.rows]


def _parameters(parameters: Mapping[str, Any]) -> Iterator[Table]:
    """A table for each section, such as models.cnn, after one of the keys above all sections."""
    yield Table(RUN, _flat({k: each for k, each in parameters.items() if not _is_section(each)}))
    for name, section in parameters.items():
        if _is_section(section):
            yield from _sections(name, section)


def _sections(name: str, section: Mapping[str, Any]) -> Iterator[Table]:
    inner = {key: each for key, each in section.items() if _is_section(each)}
    yield Table(name, _flat({key: each for key, each in section.items() if key not in inner}))
    for key, each in inner.items():
        yield from _sections(f"{name}.{key}", each)


def _durations(record: Mapping[str, Any]) -> Table:
    """Of each fold, and of all: what it took to train them, whenever that was."""
    rows = [
        (f"fold {fold}", duration(seconds))
        for fold, seconds in record.get("seconds_of_folds", {}).items()
    ]
    if "seconds" in record:
        rows.append(("all folds, one after another", duration(record["seconds"])))
    return Table("Time of training", rows, "A fold in the cache took it in an earlier run.")


def _is_section(value: Any) -> bool:
    return isinstance(value, dict)


def _flat(content: Mapping[str, Any]) -> Rows:
    return [
        (key, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for key, value in content.items()
    ]


Recorded = Mapping[str, Any]


@dataclass(frozen=True)
class Note:
    """A sentence; `grave` if the figures mean something else than they seem to."""

    text: str
    grave: bool = False


def notes(segment: Recorded, replicas: Recorded, split: Recorded) -> list[Note]:
    """Notes from metrics/segment.json, replicas.json and split.json; those that matter most first.

    A key that a file lacks gives no note.
    """
    found = [*_on_folds(split), *_on_replicas(replicas, split), *_on_files(segment, split)]
    return sorted(found, key=lambda note: not note.grave)


def _on_folds(split: Recorded) -> Iterator[Note]:
    if split.get("protocol") == "clip":
        yield Note(
            "The folds are cut by clip, so clips of a track that was trained on are tested: these "
            "figures say nothing about other music. The protocol song keeps tracks whole.",
            grave=True,
        )
    share = split.get("known_artist_share", 0)
    if not share:
        yield Note(
            "No artist is known, so songs by one artist may be on both sides of a fold, which "
            "makes them easier: expect less of music by artists who are new.",
            grave=True,
        )
    elif not split.get("artists_kept", True):
        yield Note(
            "Songs by one artist are on both sides of the folds, which makes them easier: expect "
            "less of music by artists who are new. The protocol artist keeps artists apart.",
            grave=True,
        )
    if 0 < share < 1:
        yield Note(f"The artist is known of {share:.0%} of the tracks only.")
    if split.get("genres_untrained"):
        yield Note(
            f"In {_times(split['genres_untrained'])}, a genre is tested that the fold never "
            "trained on.",
            grave=True,
        )
    if split.get("genres_absent"):
        yield Note(f"In {_times(split['genres_absent'])}, a fold tests no track of a genre.")
    if split.get("judged") in ("test", "valid"):
        yield Note(f"One part is judged, {split['judged']}, by models that differ in their seed.")


def _on_replicas(replicas: Recorded, split: Recorded) -> Iterator[Note]:
    if replicas.get("pairs_across_genres"):
        yield Note(
            f"{_are(replicas['pairs_across_genres'], 'pair')} the same recording under two genres: "
            "no model can be right about both tracks.",
            grave=True,
        )
    if split.get("replica_groups"):
        yield Note(
            f"{_are(split['replica_groups'], 'recording')} in the dataset more than once; the "
            "copies are on the same side of every fold."
        )
    if split.get("replicas_left_out"):
        yield Note(
            f"{_are(split['replicas_left_out'], 'track')} left out of training where a copy is "
            "tested."
        )


def _on_files(segment: Recorded, split: Recorded) -> Iterator[Note]:
    if segment.get("rejected"):
        yield Note(
            f"{segment['rejected']} of {segment['files']} files cannot be used; "
            "data/tracks.csv says why."
        )
    if segment.get("truncated"):
        yield Note(f"{_are(segment['truncated'], 'file')} shorter than its header says.")
    if split.get("left_out"):
        yield Note(f"{_are(split['left_out'], 'labelled track')} left out by the protocol.")


def _are(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"


def _times(number: int) -> str:
    return "one case" if number == 1 else f"{number} cases"


def read_probabilities(rows: Sequence[Row]) -> tuple[list[str], Array]:
    """The genres that a table has columns for, and its probabilities, shape (rows, genres)."""
    columns = [name for name in rows[0] if name.startswith(PROBABILITY)] if rows else []
    values = [[float(row[name]) for name in columns] for row in rows]
    return [name.removeprefix(PROBABILITY) for name in columns], np.array(values)
