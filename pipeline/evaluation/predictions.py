"""Predictions for clips and for tracks: the one table that evaluations, comparisons and pages read.

Inside a process a table is a `Predictions`, whose rows are sorted by track, by fold and by clip.
Outside it is a CSV file, which `write_predictions` writes and `read_predictions` reads:

    track_id,clip,fold,group,actual,predicted,p_<genre>,...

A table of tracks has no column `clip`. Unlabelled tracks have no fold and no actual genre.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.errors import PipelineError
from pipeline.base.files import natural, write_csv
from pipeline.base.types import STRICT, Array

CLIP = "clip"  # the level of predictions for clips; those for tracks are named after VOTERS
COLUMNS = ("track_id", "fold", "group", "actual", "predicted")
PROBABILITY = "p_"  # begins the name of a column of probabilities; the genre follows
NONE = -1  # the fold and the actual genre of an unlabelled track


@strict_dataclass(frozen=True, config=STRICT)
class EvaluateParams:
    """The section `evaluate` of params.yaml: the voting rule of the main figures."""

    vote: Literal["majority", "mean", "product"]


@dataclass(frozen=True)
class Predictions:
    """Predictions of models for clips or tracks; `predictions_of` makes a table.

    Attributes
    ----------
    genres : list of str
    track_ids : str array, shape (n,)
        Sorted; the rows of a track are sorted by fold, and those of a fold by clip.
    clips : int array, shape (n,), or None
        Number of each row's clip in its track; None for a table of tracks.
    folds : int array, shape (n,)
        Fold, or seed, that tested the row; NONE for an unlabelled track.
    groups : str array, shape (n,)
        Tracks of the same group are never in different folds, such as those of an artist.
    actual : int array, shape (n,)
        Index of the actual genre; NONE for an unlabelled track.
    predicted : int array, shape (n,)
        Index of the predicted genre: that of the highest probability, unless clips voted otherwise.
    probabilities : float array, shape (n, genres)
    """

    genres: list[str]
    track_ids: Array
    clips: Array | None
    folds: Array
    groups: Array
    actual: Array
    predicted: Array
    probabilities: Array

    def __len__(self) -> int:
        return len(self.track_ids)

    @property
    def correct(self) -> Array:
        """Whether the predicted genre is the actual one; bool, shape (n,)."""
        return self.predicted == self.actual

    def take(self, rows: Array) -> "Predictions":
        """The rows of a mask, or of ascending row numbers."""
        columns: dict[str, Any] = {
            name: column[rows]
            for name, column in vars(self).items()
            if isinstance(column, np.ndarray)
        }
        return replace(self, **columns)

    @property
    def owners(self) -> Array:
        """Number of each row's track in their order; int, shape (n,), ascending."""
        return np.unique(self.track_ids, return_inverse=True)[1]

    def by_track(self) -> Iterator[tuple[str, "Predictions"]]:
        """Yield each track id with the track's rows."""
        names, first = np.unique(self.track_ids, return_index=True)
        parts = np.split(np.arange(len(self)), first[1:])  # one, if there are no tracks
        for name, rows in zip(names.tolist(), parts, strict=False):
            yield name, self.take(rows)


def predictions_of(
    genres: Sequence[str],
    track_ids: Array,
    probabilities: Array,
    *,
    clips: Array | None = None,
    folds: Array | None = None,
    groups: Array | None = None,
    actual: Array | None = None,
    predicted: Array | None = None,
) -> Predictions:
    """Sort rows that come in any order into a table.

    The parameters are the attributes of `Predictions`. Without `folds` and `actual`, tracks are
    unlabelled; without `groups`, each track is a group; without `predicted`, the genre with the
    highest probability is.
    """
    unknown = np.full(len(track_ids), NONE)
    folds = unknown if folds is None else folds
    order = np.lexsort((*([] if clips is None else [clips]), folds, track_ids))
    return Predictions(
        genres=list(genres),
        track_ids=track_ids[order],
        clips=None if clips is None else clips[order],
        folds=folds[order],
        groups=(track_ids if groups is None else groups)[order],
        actual=(unknown if actual is None else actual)[order],
        predicted=(probabilities.argmax(axis=1) if predicted is None else predicted)[order],
        probabilities=probabilities[order],
    )


# Votes: (clips, genres) -> (genres,), which sums to 1.


def majority(probabilities: Array) -> Array:
    """Share of the clips that vote for each genre, where the mean probability breaks ties."""
    votes = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    votes = votes + 0.5 * probabilities.mean(axis=0)  # less than one vote, so it only breaks ties
    return votes / votes.sum()


def mean(probabilities: Array) -> Array:
    """Mean of the clips' probabilities."""
    result: Array = probabilities.mean(axis=0)
    return result


def product(probabilities: Array) -> Array:
    """Normalised product of the clips' probabilities."""
    logs = np.log(np.maximum(probabilities, 1e-12)).sum(axis=0)
    weights = np.exp(logs - logs.max())
    result: Array = weights / weights.sum()
    return result


VOTERS: dict[str, Callable[[Array], Array]] = {
    "majority": majority,
    "mean": mean,
    "product": product,
}


def vote_by_track(clips: Predictions, vote: str) -> Predictions:
    """Scores of each track, by a vote of its clips; one row for each fold that tests it."""
    keys = np.column_stack([clips.owners, clips.folds])
    _, first = np.unique(keys, axis=0, return_index=True)
    voted = np.stack([VOTERS[vote](part) for part in np.split(clips.probabilities, first[1:])])
    tracks = replace(clips.take(first), clips=None)
    return replace(tracks, probabilities=voted, predicted=voted.argmax(axis=1))


def by_level(clips: Predictions) -> dict[str, Predictions]:
    """Predictions for clips, and for tracks by each voting rule."""
    return {CLIP: clips, **{vote: vote_by_track(clips, vote) for vote in VOTERS}}


def voted_tracks(levels: Mapping[str, Predictions], vote: str) -> Predictions:
    """Tracks with the mean probabilities of their clips, and the genre that these vote for.

    Parameters
    ----------
    levels : mapping of level to Predictions
        As `by_level` returns them.
    """
    return replace(levels["mean"], predicted=levels[vote].predicted)


def mean_over_seeds(predictions: Predictions) -> Predictions:
    """Mean probabilities of each clip, or track, over the seeds that tested it.

    The rows of a track are sorted by clip then, also where folds were cut by clip. The fold is that
    of the first seed. Where there are several seeds, the predicted genre is that of the highest
    mean; with one, it stays what the clips voted for.
    """
    clips = [] if predictions.clips is None else [predictions.clips]
    _, first, row, seeds = np.unique(
        np.column_stack([predictions.owners, *clips]),
        axis=0,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    sums = np.zeros((len(first), len(predictions.genres)))
    np.add.at(sums, row.ravel(), predictions.probabilities)
    means = sums / seeds[:, np.newaxis]
    chosen = predictions.take(first)
    predicted = np.where(seeds > 1, means.argmax(axis=1), chosen.predicted)
    return replace(chosen, probabilities=means, predicted=predicted)


@dataclass(frozen=True)
class TrackOutcomes:
    """Whether the models were right about each track, over all seeds that tested it.

    Attributes
    ----------
    genres : list of str
    track_ids, groups : str array, shape (tracks,)
        Sorted by track id. A bootstrap draws the tracks of a group together.
    actual, predicted : int array, shape (tracks,)
        Index of the genre. For a track with several seeds, the prediction is the genre of the
        highest mean probability.
    correct : float array, shape (tracks,)
        Share of the track's seeds whose vote is right.
    seeds : int
        The most seeds that test a track.
    """

    genres: list[str]
    track_ids: Array
    groups: Array
    actual: Array
    predicted: Array
    correct: Array
    seeds: int

    @property
    def right(self) -> Array:
        """Whether the predicted genre is the actual one; bool, shape (tracks,)."""
        return self.predicted == self.actual


def outcomes(tracks: Predictions) -> TrackOutcomes:
    """Gather a table of tracks, of which there is at least one, by track."""
    means = mean_over_seeds(tracks)
    seeds = np.bincount(tracks.owners)
    return TrackOutcomes(
        genres=tracks.genres,
        track_ids=means.track_ids,
        groups=means.groups,
        actual=means.actual,
        predicted=means.predicted,
        correct=np.bincount(tracks.owners, tracks.correct) / seeds,
        seeds=int(seeds.max()),
    )


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write a table, with probabilities of four decimals."""
    first, *others = COLUMNS
    clip = [] if predictions.clips is None else [CLIP]
    columns = [first, *clip, *others, *probability_columns(predictions.genres)]
    write_csv(path, columns, _cells(predictions))


def _cells(predictions: Predictions) -> Iterator[dict[str, object]]:
    genres = predictions.genres
    names = probability_columns(genres)
    for row, track_id in enumerate(predictions.track_ids):
        fold, actual = predictions.folds[row], predictions.actual[row]
        yield {
            "track_id": track_id,
            **({} if predictions.clips is None else {CLIP: predictions.clips[row]}),
            "fold": "" if fold == NONE else fold,
            "group": predictions.groups[row],
            "actual": "" if actual == NONE else genres[actual],
            "predicted": genres[predictions.predicted[row]],
            **dict(zip(names, probability_cells(predictions.probabilities[row]), strict=True)),
        }


def probability_columns(genres: Sequence[str]) -> list[str]:
    """Names of the columns with the genres' probabilities."""
    return [f"{PROBABILITY}{genre}" for genre in genres]


def probability_cells(probabilities: Array) -> list[str]:
    """Probabilities, shape (genres,), as cells of a table."""
    return [f"{value:.4f}" for value in probabilities]


def read_predictions(path: Path) -> Predictions:
    """Read a table that `write_predictions` wrote.

    Raises
    ------
    PipelineError
        The file is missing, or `parse_predictions` refuses its content.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing; run `dvc repro`") from None
    return parse_predictions(content, str(path))


def parse_predictions(content: bytes, where: str, advice: str = "run `dvc repro`") -> Predictions:
    """Read a table from the content of its file.

    Parameters
    ----------
    content : bytes
    where, advice : str
        Name of the file, and what to do if it is damaged, for the error.

    Raises
    ------
    PipelineError
        It is not CSV in UTF-8, lacks a column or any genre, or a cell is not what it should be.
    """
    try:
        decoded = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
        lines = csv.reader(decoded, strict=True)
        columns = next(lines, [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise PipelineError(f"{where}: {error}; {advice}") from None
    genres = [name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY)]
    for name in COLUMNS if genres else [f"{PROBABILITY}<genre>"]:
        if name not in columns:
            raise PipelineError(f"{where}: no column {name!r}; {advice}")
    text = [("track_id", object), ("group", object)]
    numbers = [(name, int) for name in (CLIP, "fold", "actual", "predicted")]
    row = np.dtype([*text, *numbers, ("probabilities", float, (len(genres),))])
    try:  # one by one, as the cells of a large table take many times the memory of its numbers
        table = np.fromiter(_parsed_rows(lines, columns, genres), row)
    except (csv.Error, KeyError, ValueError):
        raise PipelineError(f"{where}, line {lines.line_num} is damaged; {advice}") from None
    return predictions_of(
        genres,
        table["track_id"].astype(str),
        table["probabilities"],
        clips=table[CLIP] if CLIP in columns else None,
        folds=table["fold"],
        groups=table["group"].astype(str),
        actual=table["actual"],
        predicted=table["predicted"],
    )


def _parsed_rows(
    lines: Iterable[list[str]], columns: Sequence[str], genres: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    index = {genre: number for number, genre in enumerate(genres)}
    names = probability_columns(genres)
    for cells in filter(None, lines):
        row = dict(zip(columns, cells, strict=True))
        probabilities = tuple(float(row[name]) for name in names)
        if not all(map(isfinite, probabilities)):
            raise ValueError("a probability is not a finite number")
        yield (
            row["track_id"],
            row["group"],
            natural(row.get(CLIP, "0")),
            natural(row["fold"]) if row["fold"] else NONE,
            index[row["actual"]] if row["actual"] else NONE,
            index[row["predicted"]],
            probabilities,
        )
