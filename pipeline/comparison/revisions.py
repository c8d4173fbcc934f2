"""What a revision recorded of the tracks that its models were tested on."""

import csv
import io
import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.comparison.git import find_commit, read_files
from pipeline.comparison.outcomes import COLUMNS, PROBABILITY, TrackOutcomes, track_outcomes
from pipeline.comparison.recorded import LOCK, PREDICTIONS, SPLIT, SUMMARY, parse_lock

WORKSPACE = "workspace"
LEAKY_PROTOCOL = "clip"
PATHS = (LOCK, SPLIT, SUMMARY, PREDICTIONS)
# Keys of metrics/split.json that two revisions must share, and what to call them.
SHARED = {"protocol": "protocols", "dataset_digest": "datasets", "folds_digest": "folds"}

Parsed = TypeVar("Parsed")


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
    split = _parsed(_split, contents, SPLIT, name)
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
        summary=_parsed(_json_object, contents, SUMMARY, name),
        outcomes=track_outcomes(_parsed(_prediction_rows, contents, PREDICTIONS, name)),
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


def _parsed(
    parse: Callable[[str], Parsed], contents: Mapping[str, bytes], path: str, name: str
) -> Parsed:
    try:
        return parse(contents[path].decode("utf-8-sig"))
    except ValueError as error:
        raise PipelineError(f"{path} of {name}: {error}; run `dvc repro` there") from None


def _json_object(text: str) -> dict[str, Any]:
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")
    return parsed


def _split(text: str) -> dict[str, Any]:
    split = _json_object(text)
    _require(SHARED, split, "key")
    return split


def _prediction_rows(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    columns = reader.fieldnames or []
    _require(COLUMNS, columns, "column")
    if not any(column.startswith(PROBABILITY) for column in columns):
        raise ValueError(f"no column '{PROBABILITY}<genre>'")
    return list(reader)


def _require(names: Iterable[str], found: Container[str], called: str) -> None:
    for name in names:
        if name not in found:
            raise ValueError(f"no {called} {name!r}")


def _short(value: object) -> str:
    return str(value)[:12]
