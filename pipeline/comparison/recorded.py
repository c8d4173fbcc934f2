"""The files in metrics/ that tell a revision's result, as text that may be of another version."""

import csv
import io
import json
from collections.abc import Container, Iterable, Mapping
from typing import Any

from pipeline.base import paths
from pipeline.base.digests import content_digest
from pipeline.base.errors import PipelineError
from pipeline.comparison.outcomes import COLUMNS, PROBABILITY

PREDICTIONS = paths.PREDICTIONS.as_posix()
HISTORIES = paths.HISTORIES.as_posix()
SCORES = paths.SCORES.as_posix()
SPLIT = paths.SPLIT.as_posix()
SUMMARY = paths.SUMMARY.as_posix()
TRAINING = paths.TRAINING.as_posix()
# Keys of metrics/split.json that two revisions must share, and what to call them.
SHARED = {"protocol": "protocols", "dataset_digest": "datasets", "folds_digest": "folds"}
# Keys that each file of JSON must have, and their types.
KEYS: dict[str, dict[str, Any]] = {
    SPLIT: {**dict.fromkeys(SHARED, str), "folds": int},
    TRAINING: {"parameters": dict, "seconds": int | float},
    SCORES: {"vote": str, "sha256": dict},
    SUMMARY: {},
}
# What is always among the parameters of metrics/training.json.
LABELS = ("model", "feature")


def parse_object(path: str, content: bytes, revision: str) -> dict[str, Any]:
    """Read a file of JSON in metrics/.

    Parameters
    ----------
    path : str
        One of `KEYS`.
    content : bytes
    revision : str
        Its name, for errors.

    Raises
    ------
    PipelineError
        It is not a JSON object, or one of its `KEYS` is missing or of another type.
    """
    where = f"{path} of {revision}"
    try:
        parsed = json.loads(_decode(content, where))
    except json.JSONDecodeError as error:
        raise _error(where, str(error)) from None
    if not isinstance(parsed, dict):
        raise _error(where, "not a JSON object")
    _require(KEYS[path], parsed, "key", where)
    for name, kind in KEYS[path].items():
        if not isinstance(parsed[name], kind):
            raise _error(where, f"{name} = {parsed[name]!r} is of another type")
    if path == TRAINING:
        _require(LABELS, parsed["parameters"], "parameter", where)
    return parsed


def parse_predictions(
    content: bytes, revision: str, path: str = PREDICTIONS
) -> list[dict[str, str]]:
    """Read metrics/predictions.csv of a revision, or another file of its form.

    Raises
    ------
    PipelineError
        It is not text in UTF-8, or lacks a column.
    """
    rows = parse_table(path, content, COLUMNS, revision)
    if not any(column.startswith(PROBABILITY) for column in rows[0]):
        raise _error(f"{path} of {revision}", f"no column '{PROBABILITY}<genre>'")
    return rows


def parse_table(
    path: str, content: bytes, columns: Iterable[str], revision: str
) -> list[dict[str, str]]:
    """Rows of a CSV file of a revision.

    Raises
    ------
    PipelineError
        It is not text in UTF-8, has no rows, or lacks one of the `columns`.
    """
    where = f"{path} of {revision}"
    reader = csv.DictReader(io.StringIO(_decode(content, where)))
    _require(columns, reader.fieldnames or [], "column", where)
    rows = list(reader)
    if not rows:
        raise _error(where, "no rows")
    return rows


def require_one_run(
    scores: Mapping[str, Any], contents: Mapping[str, bytes], revision: str
) -> None:
    """Refuse files that are not of the run that wrote metrics/scores.json.

    Parameters
    ----------
    scores : mapping
        metrics/scores.json: its `sha256` has a digest for each file that `evaluate` read and wrote.
    contents : mapping of path to bytes
        The files as they are now.

    Raises
    ------
    PipelineError
        One was changed, or is of another run.
    """
    for path, content in contents.items():
        if path != SCORES and scores["sha256"].get(path) != content_digest(content):
            raise PipelineError(
                f"{path} of {revision} is not of the run that wrote {SCORES}; run `dvc repro` there"
            )


def parameters(
    training: Mapping[str, Any], split: Mapping[str, Any], scores: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters that a result followed from, by their dotted keys in params.yaml."""
    return {
        **dict(_flat(training["parameters"])),
        "split.protocol": split["protocol"],
        "evaluate.vote": scores["vote"],
    }


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(where, str(error)) from None


def _require(names: Iterable[str], found: Container[str], called: str, where: str) -> None:
    for name in names:
        if name not in found:
            raise _error(where, f"no {called} {name!r}")


def _error(where: str, reason: str) -> PipelineError:
    return PipelineError(f"{where}: {reason}; run `dvc repro` there")
