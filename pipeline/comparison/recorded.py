"""The files in metrics/ that tell a revision's result, as text that may be of another version."""

import csv
import io
import json
from collections.abc import Container, Iterable
from typing import Any

from pipeline.base.errors import PipelineError
from pipeline.comparison.outcomes import COLUMNS, PROBABILITY

PREDICTIONS = "metrics/predictions.csv"
SPLIT = "metrics/split.json"
SUMMARY = "metrics/summary.json"
# Keys of metrics/split.json that two revisions must share, and what to call them.
SHARED = {"protocol": "protocols", "dataset_digest": "datasets", "folds_digest": "folds"}


def parse_split(content: bytes, revision: str) -> dict[str, Any]:
    """Read metrics/split.json of a revision.

    Raises
    ------
    PipelineError
        It is not a JSON object, or lacks one of the keys `SHARED`.
    """
    split = _parse_object(content, f"{SPLIT} of {revision}")
    _require(SHARED, split, "key", f"{SPLIT} of {revision}")
    return split


def parse_summary(content: bytes, revision: str) -> dict[str, Any]:
    """Read metrics/summary.json of a revision.

    Raises
    ------
    PipelineError
        It is not a JSON object.
    """
    return _parse_object(content, f"{SUMMARY} of {revision}")


def parse_predictions(content: bytes, revision: str) -> list[dict[str, str]]:
    """Read metrics/predictions.csv of a revision.

    Raises
    ------
    PipelineError
        It is not text in UTF-8, or lacks a column.
    """
    where = f"{PREDICTIONS} of {revision}"
    reader = csv.DictReader(io.StringIO(_decode(content, where)))
    columns = reader.fieldnames or []
    _require(COLUMNS, columns, "column", where)
    if not any(column.startswith(PROBABILITY) for column in columns):
        raise _error(where, f"no column '{PROBABILITY}<genre>'")
    return list(reader)


def _parse_object(content: bytes, where: str) -> dict[str, Any]:
    try:
        parsed = json.loads(_decode(content, where))
    except json.JSONDecodeError as error:
        raise _error(where, str(error)) from None
    if not isinstance(parsed, dict):
        raise _error(where, "not a JSON object")
    return parsed


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
