"""What was computed for a track, and the file that keeps it in the cache."""

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array

UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Result:
    """What was computed for a track.

    Attributes
    ----------
    facts : dict
        Whatever JSON can hold.
    rows : array, shape (clips, ...), or None for a track that gives none
    """

    facts: dict[str, Any]
    rows: Array | None


def write_result(path: Path, result: Result) -> None:
    """Write a NumPy archive of the rows, and of the facts and number of rows as JSON."""
    clips = 0 if result.rows is None else len(result.rows)
    head = json.dumps({"facts": result.facts, "clips": clips})
    arrays: dict[str, Any] = {"head": np.frombuffer(head.encode(), np.uint8)}
    if result.rows is not None:
        arrays["rows"] = result.rows
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_result(path: Path) -> Result | None:
    """What `write_result` was given; None if there is no such file, or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            facts = _head(archive)["facts"]
            return Result(facts, archive.get("rows"))
    except UNREADABLE:
        return None


def read_head(path: Path) -> tuple[int, dict[str, Any]] | None:
    """Number of rows and facts, without reading a row; None as in `read_result`."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            head = _head(archive)
            return int(head["clips"]), dict(head["facts"])
    except UNREADABLE:
        return None


def _head(archive: Any) -> dict[str, Any]:
    return dict(json.loads(archive["head"].tobytes()))
