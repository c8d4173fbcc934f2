"""What a revision of the repository says of the tracks that it judged, read through DVC."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from scmrepo.exceptions import SCMError

from pipeline.base.errors import PipelineError
from pipeline.comparison.paired import COLUMNS, PROBABILITY, Judgement, judgement
from pipeline.comparison.recorded import LOCK, PREDICTIONS, SPLIT, SUMMARY, parse_lock, require_made

WORKSPACE = "workspace"
LEAKY_PROTOCOL = "clip"
RERUN = "run `dvc repro` there and commit metrics/"
# What to tell of a revision that lacks a file.
MISSING = {
    PREDICTIONS: RERUN,
    SUMMARY: RERUN,
    SPLIT: "it is older than this record of data and folds, so nothing says that they are the "
    "same; run `dvc repro` there",
    LOCK: "nothing says which model made its figures; run `dvc repro` there and commit dvc.lock",
}
# What two revisions must share, and what it is called.
SHARED = {"protocol": "protocols", "dataset_digest": "datasets", "folds_digest": "folds"}


@dataclass(frozen=True)
class Revision:
    """A revision's name and labels, the figures that it recorded, and its judgement of tracks.

    Attributes
    ----------
    name : str
        As it was asked for.
    commit : str
        Short hash; empty for the workspace.
    model, feature : str
        Those of the run that made the figures.
    split, summary : dict
        metrics/split.json and metrics/summary.json.
    """

    name: str
    commit: str
    model: str
    feature: str
    split: dict[str, Any]
    summary: dict[str, Any]
    judgement: Judgement


def read_revision(name: str) -> Revision:
    """Read what `name` recorded.

    Parameters
    ----------
    name : str
        A branch, commit, tag or DVC experiment (git's meaning of a name goes first); or
        `workspace`, the files as they lie there.

    Raises
    ------
    PipelineError
        There is no such revision, it lacks a file, one is not what its run made, or its split
        leaks.
    """
    files, commit = _open(name)
    contents = {path: _read(files, name, path) for path in MISSING}
    run = parse_lock(contents.pop(LOCK), name)
    for path, content in contents.items():
        require_made(run, path, content, name)
    return Revision(
        name=name,
        commit="" if name == WORKSPACE else commit,
        model=run.model,
        feature=run.feature,
        split=_parse_split(contents[SPLIT], name),
        summary=_parse_json(contents[SUMMARY], f"{SUMMARY} of {name}"),
        judgement=judgement(_parse_rows(contents[PREDICTIONS], name)),
    )


def require_comparable(revisions: Sequence[Revision]) -> None:
    """Refuse revisions that did not judge the same tracks after training on the same others.

    Raises
    ------
    PipelineError
        Protocols, datasets, folds or what was judged in each differ.
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
        for ours, theirs in zip(_judged(first), _judged(other), strict=True):
            if not np.array_equal(ours, theirs):
                raise PipelineError(
                    f"{first.name} and {other.name} judged different tracks, genres or folds; "
                    "run `dvc repro` on the older"
                )


def _judged(revision: Revision) -> tuple[Any, Any, Any]:
    judged = revision.judgement
    return judged.track_ids, judged.actual, judged.folds


def _open(name: str) -> tuple[Any, str]:
    files = DVCFileSystem(rev=None if name == WORKSPACE else name or "''")  # "" would be HEAD
    try:
        return files, files.repo.get_rev()[:7]  # only now the name is resolved
    except RevError as error:
        raise PipelineError(
            f"{name!r} is no branch, commit, tag or experiment, nor the word workspace ({error})"
        ) from None
    except (DvcException, SCMError) as error:
        raise PipelineError(str(error)) from None


def _read(files: Any, name: str, path: str) -> bytes:
    try:
        return bytes(files.read_bytes(path))
    except FileNotFoundError:
        raise PipelineError(f"{name} has no {path}; {MISSING[path]}") from None


def _parse_split(content: bytes, name: str) -> dict[str, Any]:
    split = _parse_json(content, f"{SPLIT} of {name}")
    for key in SHARED:
        if key not in split:
            raise PipelineError(f"{SPLIT} of {name} has no key {key!r}; run `dvc repro` there")
    if split["protocol"] == LEAKY_PROTOCOL:
        raise PipelineError(
            f"{name} was split by the protocol 'clip': it leaks, and has no result per track"
        )
    return split


def _parse_json(content: bytes, where: str) -> dict[str, Any]:
    try:
        parsed = json.loads(_decode(content, where))
    except json.JSONDecodeError as error:
        raise PipelineError(f"{where} is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise PipelineError(f"{where} is not a JSON object")
    return parsed


def _parse_rows(content: bytes, name: str) -> list[dict[str, str]]:
    where = f"{PREDICTIONS} of {name}"
    reader = csv.DictReader(io.StringIO(_decode(content, where)))
    columns = reader.fieldnames or []
    missing = [column for column in COLUMNS if column not in columns]
    if not any(column.startswith(PROBABILITY) for column in columns):
        missing.append(f"{PROBABILITY}<genre>")
    if missing:
        raise PipelineError(f"{where} has no column {missing[0]!r}; run `dvc repro` there")
    rows = list(reader)
    if not rows:
        raise PipelineError(f"{where} has no rows; run `dvc repro` there")
    return rows


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{where} is not text in UTF-8: {error}") from None


def _short(value: object) -> str:
    return str(value)[:12]
