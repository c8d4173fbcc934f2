"""All runs that a repository knows: the best first, or along a branch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.files import SPLIT, SUMMARY, TRAINING
from pipeline.evaluation.summary import LEAKY
from pipeline.runs.comparison import Comparison, Side, compare_revisions
from pipeline.runs.git import git, named_commits, read_files
from pipeline.runs.revisions import (
    DATASET_DIGEST,
    SHARED,
    WORKSPACE,
    Parameters,
    Revision,
    differing,
    dotted,
    is_comparable,
    is_same_run,
    read_commit,
)

SEPARATOR = ", "  # between the names of one run; git allows no space in a name
TRACK_ACCURACY, LEAKY_ACCURACY = "track_accuracy", f"{LEAKY}clip_accuracy"


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
    groups: list[list[Revision]] = []
    for run in _distinct(runs):
        group = next((group for group in groups if is_comparable(group[0], run)), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    return Ranking([_ranked(group) for group in sorted(groups, key=len, reverse=True)], left_out)


def _distinct(runs: Sequence[Revision]) -> list[Revision]:
    """Each run once, under all of its names: a branch is often what lies in the workspace."""
    distinct: list[Revision] = []
    for run in runs:
        for number, other in enumerate(distinct):
            if is_same_run(run, other):
                names = dict.fromkeys([*other.name.split(SEPARATOR), run.name])
                commit = other.commit or run.commit
                distinct[number] = replace(other, name=SEPARATOR.join(names), commit=commit)
                break
        else:
            distinct.append(run)
    return distinct


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
    kept = ("commit", "accuracy", "low", "high", "seconds", "parameters")
    runs: list[dict[str, Any]] = [
        {"names": side.name.split(SEPARATOR), **{name: getattr(side, name) for name in kept}}
        for side in comparison.sides
    ]
    for run, difference in zip(runs[1:], comparison.differences, strict=True):
        names = ("difference", "low", "high", "p_value", "p_holm")
        run["minus_best"] = {name: getattr(difference, name) for name in names}
    return {
        **{key: group.split[key] for key in SHARED},
        "folds": group.split["folds"],
        "tracks": comparison.tracks,
        "runs": runs,
    }


@dataclass(frozen=True)
class Entry:
    """A commit with the figures that it recorded; None for what it did not.

    Attributes
    ----------
    dataset : str or None
        Path of its folder, or else its digest.
    metric : str
        Name of the figure: `track_accuracy`, or `leaky_clip_accuracy`, which is of clips whose
        tracks trained the model and cannot be compared with anything.
    accuracy, low, high : float or None
        With its 95 % interval.
    """

    commit: str
    date: str
    subject: str
    model: str | None
    feature: str | None
    protocol: str | None
    dataset: str | None
    metric: str
    accuracy: float | None
    low: float | None
    high: float | None


def read_history() -> list[Entry]:
    """Commits of the current branch that changed metrics/summary.json, the newest first.

    Raises
    ------
    PipelineError
        This is not a git repository, or it has no commit.
    """
    form = "--format=%H%x00%h%x00%ad%x00%s"
    log = ["log", "--first-parent", "--no-show-signature", "--date=short", form, "--", str(SUMMARY)]
    lines = git(log).decode(errors="replace").split("\n")
    commits = [line.split("\0") for line in lines if line]
    files = read_files([commit[0] for commit in commits], (SUMMARY, SPLIT, TRAINING))
    # A commit without figures deleted them.
    runs = [
        (commit, recorded, _parameters(recorded))
        for commit, contents in zip(commits, files, strict=True)
        for recorded in [{path: _object(content) for path, content in contents.items()}]
        if recorded[SUMMARY]
    ]
    digests = [recorded[SPLIT].get(DATASET_DIGEST) for _, recorded, _ in runs]
    paths = [trained.get("dataset.path") for _, _, trained in runs]
    known = {digest: path for digest, path in zip(digests, paths, strict=True) if path}
    return [
        _entry(*run, path or known.get(digest, digest))  # older runs did not record the path
        for run, path, digest in zip(runs, paths, digests, strict=True)
    ]


def _parameters(recorded: Mapping[Path, Mapping[str, Any]]) -> Parameters:
    found = recorded[TRAINING].get("parameters")
    return dict(dotted(found)) if isinstance(found, dict) else {}


def _entry(
    commit: Sequence[str],
    recorded: Mapping[Path, Mapping[str, Any]],
    trained: Parameters,
    dataset: str | None,
) -> Entry:
    _, short, date, subject = commit
    figures = recorded[SUMMARY]
    metric = LEAKY_ACCURACY if LEAKY_ACCURACY in figures else TRACK_ACCURACY
    return Entry(
        commit=short,
        date=date,
        subject=subject,
        model=trained.get("model"),
        feature=trained.get("feature"),
        protocol=recorded[SPLIT].get("protocol"),
        dataset=dataset,
        metric=metric,
        accuracy=figures.get(metric),
        low=figures.get(f"{metric}_low"),
        high=figures.get(f"{metric}_high"),
    )


def _object(content: bytes | None) -> dict[str, Any]:
    """The object in a JSON file; an empty one where the file is missing or broken."""
    try:
        value = json.loads(content or b"{}")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}
