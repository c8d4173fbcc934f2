"""What a revision of the repository says of the tracks that it judged, read through DVC."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from scmrepo.exceptions import SCMError

from pipeline.errors import PipelineError
from pipeline.paired import COLUMNS, Judgement, judgement

WORKSPACE = "workspace"
PREDICTIONS = "metrics/predictions.csv"
SPLIT = "metrics/split.json"
SUMMARY = "metrics/summary.json"
LEAKY = "clip"
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
        There is no such revision, it lacks a file, or its split leaks.
    """
    files, commit = _open(name)
    split = _read_split(files, name)
    params = _parse_params(_read(files, name, "params.yaml"), name)
    return Revision(
        name=name,
        commit="" if name == WORKSPACE else commit,
        model=str(params.get("model", "?")),
        feature=str(params.get("feature", "?")),
        split=split,
        summary=_parse_json(_read(files, name, SUMMARY), f"{SUMMARY} of {name}"),
        judgement=judgement(_parse_rows(_read(files, name, PREDICTIONS), name)),
    )


def require_comparable(revisions: Sequence[Revision]) -> None:
    """Refuse revisions that did not judge the same tracks after training on the same others.

    Raises
    ------
    PipelineError
        Protocols, datasets, folds or judged tracks differ.
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
                    f"{first.name} and {other.name} judged different tracks or genres; "
                    "run `dvc repro` on the older"
                )


def _judged(revision: Revision) -> tuple[Any, Any]:
    return revision.judgement.track_ids, revision.judgement.actual


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


def _read(files: Any, name: str, path: str) -> str:
    try:
        return str(files.read_bytes(path).decode("utf-8-sig"))
    except FileNotFoundError:
        raise PipelineError(
            f"{name} has no {path}; run `dvc repro` there and commit metrics/"
        ) from None
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path} of {name} is not text in UTF-8: {error}") from None


def _read_split(files: Any, name: str) -> dict[str, Any]:
    _read(files, name, PREDICTIONS)  # without those, how they were split is no matter
    try:
        text = _read(files, name, SPLIT)
    except PipelineError:
        raise PipelineError(
            f"{name} has no {SPLIT}: it is older than this record of data and folds, so nothing "
            "says that they are the same; run `dvc repro` there"
        ) from None
    split = _parse_json(text, f"{SPLIT} of {name}")
    for key in SHARED:
        if key not in split:
            raise PipelineError(f"{SPLIT} of {name} has no key {key!r}; run `dvc repro` there")
    if split["protocol"] == LEAKY:
        raise PipelineError(
            f"{name} was split by the protocol 'clip': it leaks, and has no result per track"
        )
    return split


def _parse_json(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise PipelineError(f"{where} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{where} is not a JSON object")
    return content


def _parse_params(text: str, name: str) -> dict[str, Any]:
    """As it was then, without today's checks: it only gives the labels."""
    try:
        return dict(yaml.safe_load(text))
    except (yaml.YAMLError, TypeError, ValueError):
        raise PipelineError(f"params.yaml of {name} is not a valid YAML mapping") from None


def _parse_rows(text: str, name: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
    if missing:
        raise PipelineError(f"{PREDICTIONS} of {name} has no column {missing[0]!r}")
    rows = list(reader)
    if not rows:
        raise PipelineError(f"{PREDICTIONS} of {name} has no rows; run `dvc repro` there")
    return rows


def _short(value: object) -> str:
    return str(value)[:12]
