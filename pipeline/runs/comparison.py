"""Compare revisions that were tested on the same tracks, by paired tests."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy import special

from pipeline.base.types import Array
from pipeline.evaluation.predictions import TrackOutcomes
from pipeline.evaluation.scores import accuracy_interval, difference_interval
from pipeline.runs.revisions import Parameters, Revision, differing


@dataclass(frozen=True)
class GenreChange:
    """A genre's right tracks before and after (means over seeds), and how many changed each way."""

    genre: str
    tracks: int
    before: float
    after: float
    gained: int
    lost: int


@dataclass(frozen=True)
class ChangedTrack:
    """A track that is right on one side only, with the genre that each side predicted."""

    track_id: str
    actual: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """A revision's accuracy minus the reference's, on the same tracks.

    Attributes
    ----------
    difference, low, high : float
        With its 95 % interval by the paired bootstrap over groups.
    p_value, p_holm : float
        McNemar's exact test of `gained` against `lost`; the same with Holm's correction for all
        revisions that are compared with the reference.
    gained, lost : list of ChangedTrack
        Tracks that turned right, and wrong.
    """

    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    genres: list[GenreChange]
    gained: list[ChangedTrack]
    lost: list[ChangedTrack]


@dataclass(frozen=True)
class Pair:
    """A revision's accuracy minus another's, and McNemar's p with Holm's correction."""

    difference: float
    p_holm: float


def mcnemar_p(before: Array, after: Array) -> float:
    """McNemar's exact two-sided p that right tracks turn wrong as often as wrong ones turn right.

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions
    or percentages"; exact, that is by the binomial distribution in place of chi-squared.

    Parameters
    ----------
    before, after : bool array, shape (tracks,)
        Whether each track is right. Tracks count as independent, those of one artist too.
    """
    gained, lost = np.sum(after & ~before), np.sum(before & ~after)
    # As scipy.stats.binomtest, which takes a second to import: the binomial distribution function
    # is an incomplete beta function (https://dlmf.nist.gov/8.17.E5). It is 1 where nothing changed.
    tail = special.betainc(max(gained, lost), min(gained, lost) + 1, 0.5)
    return min(1.0, 2 * float(tail))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number.

    Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    order, corrected = np.argsort(p_values), np.empty(len(p_values))
    steps = np.sort(p_values) * np.arange(len(p_values), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def differences(reference: TrackOutcomes, others: Sequence[TrackOutcomes]) -> list[Difference]:
    """Each of `others` minus `reference`, with Holm's correction for their number.

    Parameters
    ----------
    reference, others : TrackOutcomes
        Of the same tracks, in the same groups.
    """
    return _corrected([_difference(reference, other) for other in others])


def gains(outcomes: TrackOutcomes, others: Sequence[TrackOutcomes]) -> list[Difference]:
    """`outcomes` minus each of `others`; otherwise as `differences`."""
    return _corrected([_difference(other, outcomes) for other in others])


def pairwise(outcomes: Sequence[TrackOutcomes]) -> list[list[Pair]]:
    """Each of `outcomes` (rows) minus each (columns), on the same tracks."""
    numbers = list(combinations(range(len(outcomes)), 2))
    p_values = holm([mcnemar_p(outcomes[i].right, outcomes[j].right) for i, j in numbers])
    means = [float(np.mean(each.correct)) for each in outcomes]
    matrix = [[Pair(mean - other, 1.0) for other in means] for mean in means]
    for (i, j), p_value in zip(numbers, p_values, strict=True):
        matrix[i][j] = replace(matrix[i][j], p_holm=p_value)
        matrix[j][i] = replace(matrix[j][i], p_holm=p_value)
    return matrix


def _corrected(differences: Sequence[Difference]) -> list[Difference]:
    p_values = holm([each.p_value for each in differences])
    return [replace(each, p_holm=p) for each, p in zip(differences, p_values, strict=True)]


def _difference(before: TrackOutcomes, after: TrackOutcomes) -> Difference:
    low, high = difference_interval(before.correct, after.correct, before.groups)
    p_value = mcnemar_p(before.right, after.right)
    return Difference(
        difference=float(np.mean(after.correct) - np.mean(before.correct)),
        low=low,
        high=high,
        p_value=p_value,
        p_holm=p_value,
        genres=[_genre(genre, before, after) for genre in np.unique(before.actual)],
        gained=_changed(before, after, after.right & ~before.right),
        lost=_changed(before, after, before.right & ~after.right),
    )


def _genre(genre: int, before: TrackOutcomes, after: TrackOutcomes) -> GenreChange:
    of_genre = before.actual == genre
    was, now = before.right[of_genre], after.right[of_genre]
    return GenreChange(
        genre=before.genres[genre],
        tracks=int(of_genre.sum()),
        before=float(before.correct[of_genre].sum()),
        after=float(after.correct[of_genre].sum()),
        gained=int(np.sum(now & ~was)),
        lost=int(np.sum(was & ~now)),
    )


def _changed(before: TrackOutcomes, after: TrackOutcomes, chosen: Array) -> list[ChangedTrack]:
    return [
        ChangedTrack(
            track_id=str(before.track_ids[row]),
            actual=before.genres[before.actual[row]],
            before=before.genres[before.predicted[row]],
            after=after.genres[after.predicted[row]],
        )
        for row in np.flatnonzero(chosen)
    ]


@dataclass(frozen=True)
class Side:
    """A revision's accuracy over all tested tracks, with its 95 % interval, and its origin.

    `commit` is a short hash. `parameters`, `seconds` and `summary` are those of `Revision`.
    """

    name: str
    commit: str
    model: str
    feature: str
    seeds: int
    accuracy: float
    low: float
    high: float
    seconds: float
    parameters: Parameters
    summary: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """The reference, then the other sides, and the difference of each of them from it.

    Attributes
    ----------
    groups : int
        Number of groups (artists, or tracks) that the bootstrap draws from.
    differing : list of str
        Keys of the parameters that are not the same on all sides.
    matrix : list of list of Pair
        The difference between every two sides; empty where there are only two sides.
    """

    protocol: str
    tracks: int
    groups: int
    reference: Side
    others: list[Side]
    differences: list[Difference]
    differing: list[str]
    matrix: list[list[Pair]]

    @property
    def sides(self) -> list[Side]:
        """All sides, the reference first."""
        return [self.reference, *self.others]

    @property
    def pairs(self) -> list[tuple[Side, Difference]]:
        """Each of `others` with its difference from the reference."""
        return list(zip(self.others, self.differences, strict=True))


def compare_revisions(revisions: Sequence[Revision], *, with_matrix: bool = True) -> Comparison:
    """Compare the first of `revisions`, the reference, with each of the others.

    Parameters
    ----------
    revisions : sequence of Revision
        Comparable.
    with_matrix : bool
        Whether more than two are compared each with each, too.
    """
    reference, *others = revisions
    outcomes = [each.outcomes for each in revisions]
    groups = reference.outcomes.groups
    return Comparison(
        protocol=str(reference.split["protocol"]),
        tracks=len(groups),
        groups=len(np.unique(groups)),
        reference=_side(reference),
        others=[_side(other) for other in others],
        differences=differences(outcomes[0], outcomes[1:]),
        differing=differing([each.parameters for each in revisions]),
        matrix=pairwise(outcomes) if with_matrix and len(others) > 1 else [],
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """All of a comparison, in types that JSON has."""
    return {
        "protocol": comparison.protocol,
        "tracks": comparison.tracks,
        "groups": comparison.groups,
        "reference": comparison.reference.name,
        "sides": [asdict(side) for side in comparison.sides],
        "differing": comparison.differing,
        "matrix": [[asdict(pair) for pair in row] for row in comparison.matrix],
        "differences": [
            {"revision": side.name, **asdict(difference)} for side, difference in comparison.pairs
        ],
    }


def _side(revision: Revision) -> Side:
    outcomes = revision.outcomes
    low, high = accuracy_interval(outcomes.correct, outcomes.groups)
    return Side(
        name=revision.name,
        commit=revision.commit[:7],
        model=revision.model,
        feature=revision.feature,
        seeds=outcomes.seeds,
        accuracy=float(np.mean(outcomes.correct)),
        low=low,
        high=high,
        seconds=revision.seconds,
        parameters=revision.parameters,
        summary=revision.summary,
    )
