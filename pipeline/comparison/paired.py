"""Pure: two and more judgements of the same tracks -> how they differ, and whether by chance."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from pipeline.evaluation.intervals import difference_interval

COLUMNS = ["track_id", "fold", "actual", "predicted"]
PROBABILITY = "p_"

Array = npt.NDArray[Any]
Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Judgement:
    """What the models of one revision say of each track, sorted by track id.

    Attributes
    ----------
    track_ids, groups, actual : str array, shape (tracks,)
        `groups` are drawn together by a bootstrap: artists where they are known.
    predicted : str array, shape (tracks,)
        The vote; of a track with several rows (seeds), the genre of the highest mean probability.
    correct : float array, shape (tracks,)
        Share of the track's rows whose vote is right.
    folds : str array, shape (tracks,)
        The folds, or seeds, that judge the track: sorted, a space between.
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


@dataclass(frozen=True)
class Genre:
    """A genre's right tracks before and after (means over seeds), and which way they changed."""

    genre: str
    tracks: int
    before: float
    after: float
    gained: int
    lost: int


@dataclass(frozen=True)
class Changed:
    """A track that is right on one side only, and what either side takes it for."""

    track_id: str
    actual: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """A revision's accuracy less the reference's, on the same tracks.

    Attributes
    ----------
    difference, low, high : float
        With its 95 % interval by the paired bootstrap over groups.
    p_value, p_holm : float
        McNemar's exact test of `gained` against `lost`; the same by Holm's correction for all
        revisions that are compared with the reference.
    gained, lost : list of Changed
        Tracks that turned right, and wrong.
    """

    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    genres: list[Genre]
    gained: list[Changed]
    lost: list[Changed]


def judgement(rows: Rows) -> Judgement:
    """Gather the rows of metrics/predictions.csv by track.

    Parameters
    ----------
    rows : sequence of mappings
        A row a track and seed, with `COLUMNS`, a column `p_<genre>` a genre, and possibly
        `group`; without it every track is a group of its own.
    """
    by_track: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        by_track[row["track_id"]].append(row)
    tracks = [by_track[track_id] for track_id in sorted(by_track)]
    return Judgement(
        track_ids=np.array(sorted(by_track)),
        groups=np.array([track[0].get("group") or track[0]["track_id"] for track in tracks]),
        actual=np.array([track[0]["actual"] for track in tracks]),
        predicted=np.array([_consensus(track) for track in tracks]),
        correct=np.array(
            [np.mean([row["predicted"] == row["actual"] for row in track]) for track in tracks]
        ),
        folds=np.array([" ".join(sorted(row["fold"] for row in track)) for track in tracks]),
        seeds=max(map(len, tracks)),
    )


def mcnemar_p(before: Array, after: Array) -> float:
    """McNemar's exact two-sided p that right tracks turn wrong as often as wrong ones turn right.

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions
    or percentages"; exact, so by the binomial distribution in place of its chi-squared.

    Parameters
    ----------
    before, after : bool array, shape (tracks,)
        Whether each track is right. Tracks count as independent, those of one artist too.
    """
    table = [[np.sum((before == a) & (after == b)) for b in (True, False)] for a in (True, False)]
    return float(mcnemar(table, exact=True).pvalue)


def differences(
    reference: Judgement, others: Sequence[Judgement], groups: Array, seed: int
) -> list[Difference]:
    """Each of `others` less `reference`, with Holm's correction for their number.

    Holm (1979), "A simple sequentially rejective multiple test procedure".

    Parameters
    ----------
    reference, others : Judgement
        Of the same tracks.
    groups : array, shape (tracks,)
        What the bootstrap draws together.
    seed : int
    """
    found = [_difference(reference, other, groups, seed) for other in others]
    corrected = multipletests([each.p_value for each in found], method="holm")[1]
    return [replace(each, p_holm=float(p)) for each, p in zip(found, corrected, strict=True)]


def _difference(before: Judgement, after: Judgement, groups: Array, seed: int) -> Difference:
    low, high = difference_interval(before.correct, after.correct, groups, seed)
    was, now = before.predicted == before.actual, after.predicted == after.actual
    p_value = mcnemar_p(was, now)
    return Difference(
        difference=float(np.mean(after.correct) - np.mean(before.correct)),
        low=low,
        high=high,
        p_value=p_value,
        p_holm=p_value,
        genres=[_genre(name, before, after) for name in np.unique(before.actual).tolist()],
        gained=_changed(before, after, np.flatnonzero(now & ~was)),
        lost=_changed(before, after, np.flatnonzero(was & ~now)),
    )


def _consensus(rows: Rows) -> str:
    if len(rows) == 1:
        return rows[0]["predicted"]
    columns = [name for name in rows[0] if name.startswith(PROBABILITY)]
    means = [np.mean([float(row[name]) for row in rows]) for name in columns]
    return columns[int(np.argmax(means))].removeprefix(PROBABILITY)


def _genre(name: str, before: Judgement, after: Judgement) -> Genre:
    of_genre = before.actual == name
    was, now = before.predicted[of_genre] == name, after.predicted[of_genre] == name
    return Genre(
        genre=name,
        tracks=int(of_genre.sum()),
        before=float(before.correct[of_genre].sum()),
        after=float(after.correct[of_genre].sum()),
        gained=int(np.sum(now & ~was)),
        lost=int(np.sum(was & ~now)),
    )


def _changed(before: Judgement, after: Judgement, tracks: Iterable[int]) -> list[Changed]:
    columns = (before.track_ids, before.actual, before.predicted, after.predicted)
    return [Changed(*(str(column[track]) for column in columns)) for track in tracks]
