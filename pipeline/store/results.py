"""The result of a track, and the file that keeps it in the cache."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array


@dataclass(frozen=True)
class Result:
    """What a recipe computes for a track.

    Attributes
    ----------
    facts : dict
        Values that JSON can hold.
    rows : array, shape (clips, ...), or None for a track without any
    """

    facts: dict[str, Any]
    rows: Array | None


def write_result(path: Path, result: Result) -> None:
    """Write a NumPy archive of the rows, and of the facts and the number of rows as JSON."""
    clips = None if result.rows is None else len(result.rows)
    head = json.dumps({"facts": result.facts, "clips": clips})
    arrays = {"head": np.frombuffer(head.encode(), np.uint8)}
    if result.rows is not None:
        arrays["rows"] = result.rows
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # takes an option between the names


def read_result(path: Path) -> Result | None:
    """Read what `write_result` wrote; None if the file is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            if archive.zip.testzip():  # NumPy compares no checksum of what it reads in part
                return None
            head = _head(archive)
            rows = None if head["clips"] is None else archive["rows"]
            if rows is not None and not isinstance(rows, np.ndarray):
                return None
            return Result(head["facts"], rows)
    except Exception:  # an archive with a wrong byte may raise many
        return None


def read_head(path: Path) -> tuple[int, dict[str, Any]] | None:
    """Read the number of rows and the facts, but no row; None as in `read_result`."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            head = _head(archive)
            return int(head["clips"] or 0), dict(head["facts"])
    except Exception:
        return None


def _head(archive: Any) -> dict[str, Any]:
    return dict(json.loads(archive["head"].tobytes()))
