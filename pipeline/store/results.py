"""What was computed for a track, and the file that keeps it in the cache."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array


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
    """Write a NumPy archive of the rows, and of the facts and the number of rows as JSON."""
    clips = None if result.rows is None else len(result.rows)
    head = json.dumps({"facts": result.facts, "clips": clips})
    arrays = {"head": np.frombuffer(head.encode(), np.uint8)}
    if result.rows is not None:
        arrays["rows"] = result.rows
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # takes an option between the names


def read_result(path: Path) -> Result | None:
    """What `write_result` was given; None if there is no such file, or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            head = _head(archive)
            return Result(head["facts"], None if head["clips"] is None else archive["rows"])
    except Exception:  # the many that an archive with a wrong byte may raise
        return None


def read_head(path: Path) -> tuple[int, dict[str, Any]] | None:
    """Number of rows and facts, without reading a row; None as in `read_result`."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            head = _head(archive)
            return int(head["clips"] or 0), dict(head["facts"])
    except Exception:
        return None


def _head(archive: Any) -> dict[str, Any]:
    return dict(json.loads(archive["head"].tobytes()))
