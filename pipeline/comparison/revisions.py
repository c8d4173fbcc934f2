"""What a revision recorded of the tracks that its models were tested on."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.comparison.git import find_commit, read_files
from pipeline.comparison.outcomes import TrackOutcomes, track_outcomes
from pipeline.comparison.recorded import (
    PREDICTIONS,
    SCORES,
    SHARED,
    SPLIT,
    SUMMARY,
    TRAINING,
    parameters,
    parse_object,
    parse_predictions,
    require_one_run,
)

WORKSPACE = "workspace"
LEAKY_PROTOCOL = "clip"
PATHS = (SPLIT, TRAINING, SUMMARY, SCORES, PREDICTIONS)


def add_revisions(parser: ArgumentParser, rule: str) -> None:
    """Let the command line name revisions; `rule` is the end of the help on them."""
    parser.add_argument(
        "revisions",
        nargs="+",
        metavar="REV",
        help=f"branch, commit, tag, experiment or `{WORKSPACE}`; {rule}",
    )


@dataclass(frozen=True)
class Revision:
    """A revision's name, what it trained, the figures that it recorded, its tracks' outcomes.

    Attributes
    ----------
    name : str
        As the user gave it.
    commit : str
        Short hash; empty for the workspace.
    parameters : dict
        Those of the run that wrote the figures, by their dotted keys in params.yaml, which may ask
        for something else since.
    seconds : float
        How long all folds trained.
    split, summary : dict
        metrics/split.json and metrics/summary.json.
    """

    name: str
    commit: str
    parameters: dict[str, Any]
    seconds: float
    split: dict[str, Any]
    summary: dict[str, Any]
    outcomes: TrackOutcomes

    @property
    def model(self) -> str:
        """Name of the network that was trained."""
        return str(self.parameters["model"])

    @property
    def feature(self) -> str:
        """Name of the feature that it was trained on."""
        return str(self.parameters["feature"])


def read_revision(name: str) -> Revision:
    """Read what `name` recorded.

    Parameters
    ----------
    name : str
        A branch, commit, tag or DVC experiment; or `workspace`, the files as they lie there.

    Raises
    ------
    PipelineError
        There is no such revision, it lacks a file, its files are not of one run, or its split
        leaks.
    """
    return read_commit(name, "" if name == WORKSPACE else find_commit(name))


def read_commit(name: str, commit: str) -> Revision:
    """Read what a commit recorded, or the workspace where `commit` is empty.

    Raises
    ------
    PipelineError
        As by `read_revision`.
    """
    contents = read_recorded(commit, PATHS, name)
    scores = parse_object(SCORES, contents[SCORES], name)
    require_one_run(scores, contents, name)
    split, training, summary = (
        parse_object(path, contents[path], name) for path in (SPLIT, TRAINING, SUMMARY)
    )
    if split["protocol"] == LEAKY_PROTOCOL:
        raise PipelineError(
            f"{name} was split by the protocol {LEAKY_PROTOCOL!r}: it leaks, and has no result "
            "for each track"
        )
    return Revision(
        name=name,
        commit=commit[:7],
        parameters=parameters(training, split, scores),
        seconds=training["seconds"],
        split=split,
        summary=summary,
        outcomes=track_outcomes(parse_predictions(contents[PREDICTIONS], name)),
    )


def require_comparable(revisions: Sequence[Revision], purpose: str = "compare") -> None:
    """Refuse revisions that were not tested on the same tracks after training on the same others.

    Parameters
    ----------
    revisions : sequence of Revision
    purpose : str
        A verb for the error: what they were read for.

    Raises
    ------
    PipelineError
        Protocols, datasets, folds or tested tracks differ.
    """
    first = revisions[0]
    for other in revisions[1:]:
        for key, called in SHARED.items():
            ours, theirs = first.split[key], other.split[key]
            if ours != theirs:
                raise PipelineError(
                    f"{called} differ, so there is nothing to {purpose}: "
                    f"{_short(ours)} in {first.name}, {_short(theirs)} in {other.name}"
                )
        if not _same_tracks(first.outcomes, other.outcomes):
            raise PipelineError(
                f"{first.name} and {other.name} were tested on different tracks, genres, groups "
                "or folds; run `dvc repro` on the older"
            )


def is_comparable(ours: Revision, theirs: Revision) -> bool:
    """Whether two revisions were tested on the same tracks after training on the same others."""
    same_split = all(ours.split[key] == theirs.split[key] for key in SHARED)
    return same_split and _same_tracks(ours.outcomes, theirs.outcomes)


def is_same_run(ours: Revision, theirs: Revision) -> bool:
    """Whether two revisions, such as a branch and the workspace, hold what one run recorded."""
    names = ("parameters", "seconds", "split", "summary")
    return all(getattr(ours, name) == getattr(theirs, name) for name in names)


def _same_tracks(ours: TrackOutcomes, theirs: TrackOutcomes) -> bool:
    names = ("track_ids", "actual", "groups", "folds")
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


def read_recorded(commit: str, paths: Sequence[str], name: str) -> dict[str, bytes]:
    """Contents of files in metrics/ in a commit, or in the workspace where `commit` is empty.

    Raises
    ------
    PipelineError
        The revision, which errors call `name`, lacks one of them.
    """
    found = read_files([commit], paths)[0] if commit else {path: _on_disk(path) for path in paths}
    contents = {path: content for path, content in found.items() if content is not None}
    for path in paths:
        if path not in contents:
            raise PipelineError(f"{name} has no {path}; run `dvc repro` there and commit metrics/")
    return contents


def _on_disk(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def _short(value: object) -> str:
    return str(value)[:12]
