"""Everything that `compare` shows of revisions that were tested on the same tracks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.comparison.differing import differing
from pipeline.comparison.paired import Difference, Pair, differences, pairwise
from pipeline.comparison.revisions import Revision
from pipeline.evaluation.intervals import accuracy_interval
from pipeline.evaluation.summary import SEED


@dataclass(frozen=True)
class Side:
    """A revision's accuracy over all tested tracks, with its 95 % interval, and its origin.

    `parameters`, `seconds` and `summary` are those of `Revision`.
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
    parameters: dict[str, Any]
    summary: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """The reference, then the other sides, and the difference of each of them from it.

    Attributes
    ----------
    groups : int
        How many groups (artists, or tracks) the bootstrap draws from.
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
        differences=differences(outcomes[0], outcomes[1:], SEED),
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
    low, high = accuracy_interval(outcomes.correct, outcomes.groups, SEED)
    return Side(
        name=revision.name,
        commit=revision.commit,
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
