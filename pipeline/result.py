"""What was computed for a track, and the bytes that keep it."""

import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


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


def pack(result: Result) -> bytes:
    """A line of JSON, the rows as they lie in memory, and the CRC-32 of both."""
    rows = result.rows
    kind = None if rows is None else [rows.dtype.str, rows.shape]
    head = json.dumps({"facts": result.facts, "rows": kind}).encode() + b"\n"
    body = b"" if rows is None else np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
    return b"".join([head, body, zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "big")])


def unpack(content: bytes) -> Result | None:
    """What `pack` was given; None if `content` is not whole."""
    body = memoryview(content)[:-4]
    if zlib.crc32(body).to_bytes(4, "big") != content[-4:]:
        return None
    end = content.index(b"\n")
    known = json.loads(content[:end])
    if known["rows"] is None:
        return Result(known["facts"], None)
    dtype, shape = known["rows"]
    return Result(known["facts"], np.frombuffer(body[end + 1 :], dtype).reshape(shape))


def unpack_head(line: bytes) -> tuple[int, dict[str, Any]]:
    """Number of rows and facts, from the first line of what `pack` gave."""
    known = json.loads(line)
    return (0 if known["rows"] is None else known["rows"][1][0]), known["facts"]
