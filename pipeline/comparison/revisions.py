"""What a revision recorded of the tracks that its models were tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.comparison.git import find_commit, read_files
from pipeline.comparison.lock import LOCK, parse_lock
from pipeline.comparison.outcomes import TrackOutcomes, track_outcomes
from pipeline.comparison.recorded import (
    PREDICTIONS,
    SHARED,
    SPLIT,
    SUMMARY,
    parse_predictions,
    parse_split,
    parse_summary,
)

WORKSPACE = "workspace"
LEAKY_PROTOCOL = "clip"
PATHS = (LOCK, SPLIT, SUMMARY, PREDICTIONS)


@dataclass(frozen=True)
class Revision:
    """A revision's name and labels, the figures that it recorded, and its tracks' outcomes.

    Attributes
    ----------
    name : str
        As the user gave it.
    commit : str
        Short hash; empty for the workspace.
    model, feature : str
        Those of the run that wrote the figures.
    split, summary : dict
        metrics/split.json and metrics/summary.json.
    """

    name: str
    commit: str
    model: str
    feature: str
    split: dict[str, Any]
    summary: dict[str, Any]
    outcomes: TrackOutcomes


def read_revision(name: str) -> Revision:
    """Read what `name` recorded.

    Parameters
    ----------
    name : str
        A branch, commit, tag or DVC experiment; or `workspace`, the files as they lie there.

    Raises
    ------
    PipelineError
        There is no such revision, it lacks a file, one is not what its run wrote, or its split
        leaks.
    """
    commit = "" if name == WORKSPACE else find_commit(name)
    contents = _read(commit, name)
    run = parse_lock(contents.pop(LOCK), name)
    run.require_one_run()
    for path, content in contents.items():
        run.require_written(path, content)
    split = parse_split(contents[SPLIT], name)
    if split["protocol"] == LEAKY_PROTOCOL:
        raise PipelineError(
            f"{name} was split by the protocol {LEAKY_PROTOCOL!r}: it leaks, and has no result "
            "for each track"
        )
    return Revision(
        name=name,
        commit=commit[:7],
        model=run.model,
        feature=run.feature,
        split=split,
        summary=parse_summary(contents[SUMMARY], name),
        outcomes=track_outcomes(parse_predictions(contents[PREDICTIONS], name)),
    )


def require_comparable(revisions: Sequence[Revision]) -> None:
    """Refuse revisions that were not tested on the same tracks after training on the same others.

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
                    f"{called} differ, so there is nothing to compare: "
                    f"{_short(ours)} in {first.name}, {_short(theirs)} in {other.name}"
                )
        if not _same_tracks(first.outcomes, other.outcomes):
            raise PipelineError(
                f"{first.name} and {other.name} were tested on different tracks, genres, groups "
                "or folds; run `dvc repro` on the older"
            )


def _same_tracks(ours: TrackOutcomes, theirs: TrackOutcomes) -> bool:
    names = ("track_ids", "actual", "groups", "folds")
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)


def _read(commit: str, name: str) -> dict[str, bytes]:
    """Contents of `PATHS` in a commit, or in the workspace where `commit` is empty."""
    found = read_files([commit], PATHS)[0] if commit else {path: _on_disk(path) for path in PATHS}
    contents = {path: content for path, content in found.items() if content is not None}
    for path in PATHS:
        if path not in contents:
            raise PipelineError(
                f"{name} has no {path}; run `dvc repro` there and commit dvc.lock and metrics/"
            )
    return contents


def _on_disk(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def _short(value: object) -> str:
    return str(value)[:12]
