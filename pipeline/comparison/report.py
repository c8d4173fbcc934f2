"""Pure: revisions that judged the same tracks -> everything that `compare` shows of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.comparison.paired import Difference, differences
from pipeline.comparison.revisions import Revision
from pipeline.evaluation.intervals import accuracy_interval

SEED = 0  # of the bootstrap: the same revisions give the same report


@dataclass(frozen=True)
class Side:
    """A revision's accuracy over all judged tracks, with its 95 % interval.

    `summary` is its metrics/summary.json.
    """

    name: str
    commit: str
    model: str
    feature: str
    seeds: int
    accuracy: float
    low: float
    high: float
    summary: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """Sides, the reference first, and the difference of each of the others from it.

    Attributes
    ----------
    groups : int
        How many groups (artists, or tracks) the bootstrap draws from.
    """

    protocol: str
    tracks: int
    groups: int
    sides: list[Side]
    differences: list[Difference]


def build_report(revisions: Sequence[Revision]) -> Report:
    """Compare the first of `revisions`, the reference, with each of the others.

    Parameters
    ----------
    revisions : sequence of Revision
        At least two, comparable.
    """
    judgements = [revision.judgement for revision in revisions]
    # One that names no artists has a group a track; the tracks are the same, so another's serve.
    groups = min((each.groups for each in judgements), key=lambda names: len(np.unique(names)))
    return Report(
        protocol=str(revisions[0].split["protocol"]),
        tracks=len(groups),
        groups=len(np.unique(groups)),
        sides=[_side(revision, groups) for revision in revisions],
        differences=differences(judgements[0], judgements[1:], groups, SEED),
    )


def as_json(report: Report) -> dict[str, Any]:
    """All of a report, in types that JSON has; a difference is named by its revision."""
    names = [side.name for side in report.sides]
    found = zip(names[1:], report.differences, strict=True)
    return {
        **asdict(report),
        "reference": names[0],
        "differences": [{"revision": name, **asdict(each)} for name, each in found],
    }


def _side(revision: Revision, groups: Any) -> Side:
    correct = revision.judgement.correct
    low, high = accuracy_interval(correct, groups, SEED)
    return Side(
        name=revision.name,
        commit=revision.commit,
        model=revision.model,
        feature=revision.feature,
        seeds=revision.judgement.seeds,
        accuracy=float(np.mean(correct)),
        low=low,
        high=high,
        summary=revision.summary,
    )
