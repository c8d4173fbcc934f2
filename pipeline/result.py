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
    """A line, the rows as they lie in memory, and the CRC-32 of both.

    The line is the CRC-32 of what follows in it, as hex, and JSON: facts, and the rows' dtype
    and shape.
    """
    rows = result.rows
    kind = None if rows is None else [rows.dtype.str, rows.shape]
    known = json.dumps({"facts": result.facts, "rows": kind}).encode()
    head = b"%08x %s\n" % (zlib.crc32(known), known)
    body = b"" if rows is None else np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
    return b"".join([head, body, zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "big")])


def unpack(content: bytes) -> Result | None:
    """What `pack` was given; None if `content` is not whole."""
    body = memoryview(content)[:-4]
    if zlib.crc32(body).to_bytes(4, "big") != content[-4:]:
        return None
    end = content.find(b"\n")
    known = _parse(content[:end])
    if known is None:
        return None
    if known["rows"] is None:
        return Result(known["facts"], None)
    dtype, shape = known["rows"]
    return Result(known["facts"], np.frombuffer(body[end + 1 :], dtype).reshape(shape))


def unpack_head(line: bytes) -> tuple[int, dict[str, Any]] | None:
    """Number of rows and facts, from the first line of what `pack` gave; None if it is not."""
    known = _parse(line.removesuffix(b"\n")) if line.endswith(b"\n") else None
    if known is None:
        return None
    return (known["rows"][1][0] if known["rows"] else 0), known["facts"]


def _parse(line: bytes) -> dict[str, Any] | None:
    known = line[9:]
    if line[:9] != b"%08x " % zlib.crc32(known):
        return None
    return dict(json.loads(known))
