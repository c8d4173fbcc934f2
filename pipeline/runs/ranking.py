"""All runs that a repository knows, the best first, where they can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.runs.comparison import Comparison, Side, compare_revisions
from pipeline.runs.git import named_commits
from pipeline.runs.revisions import (
    SHARED,
    WORKSPACE,
    Revision,
    differing,
    is_comparable,
    is_same_run,
    read_commit,
)

SEPARATOR = ", "  # between the names of one run; git allows no space in a name


@dataclass(frozen=True)
class Group:
    """Runs that were tested on the same tracks, with the same folds: the best first.

    Attributes
    ----------
    split : dict
        Their metrics/split.json.
    comparison : Comparison
        Of all others with the best.
    """

    split: dict[str, Any]
    comparison: Comparison


@dataclass(frozen=True)
class Ranking:
    """Groups of runs, the largest group first.

    Attributes
    ----------
    groups : list of Group
    left_out : dict of str to str
        Why a branch, an experiment or the workspace has no result, by its name.
    """

    groups: list[Group]
    left_out: dict[str, str]

    @property
    def sides(self) -> list[Side]:
        """All runs, in their order."""
        return [side for group in self.groups for side in group.comparison.sides]

    @property
    def differing(self) -> list[str]:
        """Keys of the parameters that are not the same in all runs."""
        return differing([side.parameters for side in self.sides])


def rank_runs() -> Ranking:
    """Rank the workspace, all branches and all DVC experiments.

    Raises
    ------
    PipelineError
        This is not a git repository.
    """
    runs: list[Revision] = []
    left_out = {}
    for name, commit in [(WORKSPACE, ""), *named_commits()]:
        try:
            runs.append(read_commit(name, commit))
        except PipelineError as error:
            left_out[name] = str(error)
    groups = [_ranked(group) for group in _comparable(_distinct(runs))]
    return Ranking(sorted(groups, key=lambda group: -len(group.comparison.sides)), left_out)


def _distinct(runs: Sequence[Revision]) -> list[Revision]:
    """Each run once, under all of its names: a branch is often what lies in the workspace."""
    found: list[Revision] = []
    for run in runs:
        same = next((number for number, other in enumerate(found) if is_same_run(run, other)), None)
        if same is None:
            found.append(run)
        else:
            other = found[same]
            names = dict.fromkeys([*other.name.split(SEPARATOR), run.name])
            commit = other.commit or run.commit
            found[same] = replace(other, name=SEPARATOR.join(names), commit=commit)
    return found


def _comparable(runs: Sequence[Revision]) -> list[list[Revision]]:
    groups: list[list[Revision]] = []
    for run in runs:
        group = next((group for group in groups if is_comparable(group[0], run)), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    return groups


def _ranked(runs: Sequence[Revision]) -> Group:
    ordered = sorted(runs, key=lambda run: -float(np.mean(run.outcomes.correct)))
    return Group(ordered[0].split, compare_revisions(ordered, with_matrix=False))


def as_json(ranking: Ranking) -> dict[str, Any]:
    """All of a ranking except single tracks and genres, in types that JSON has."""
    return {
        "groups": [_group_as_json(group) for group in ranking.groups],
        "differing": ranking.differing,
        "left_out": ranking.left_out,
    }


def _group_as_json(group: Group) -> dict[str, Any]:
    comparison = group.comparison
    return {
        **{key: group.split[key] for key in SHARED},
        "folds": group.split["folds"],
        "tracks": comparison.tracks,
        "runs": [_side_as_json(side, comparison) for side in comparison.sides],
    }


def _side_as_json(side: Side, comparison: Comparison) -> dict[str, Any]:
    content = {
        "names": side.name.split(SEPARATOR),
        **{
            name: getattr(side, name)
            for name in ("commit", "accuracy", "low", "high", "seconds", "parameters")
        },
    }
    for other, found in comparison.pairs:
        if other is side:
            names = ("difference", "low", "high", "p_value", "p_holm")
            content["minus_best"] = {name: getattr(found, name) for name in names}
    return content
