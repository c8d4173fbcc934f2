"""Check where an HDF5 file keeps its texts, before HDF5 does: it may follow a wrong size for ever.

The layout of a global heap is in section III.E of the HDF5 file format specification, version 3.
"""

import re
import struct

COLLECTION = re.compile(rb"GCOL\x01\0{3}")  # signature, version 1, reserved
SIZE = struct.Struct("<8xQ")  # of a collection, with this header
OBJECT = struct.Struct("<HH4xQ")  # index, references, size of what follows


def require_whole_heaps(content: bytes) -> None:
    """Check every collection of the global heap in the first part of a file.

    Raises
    ------
    ValueError
        The sizes in one do not add up.
    """
    for found in COLLECTION.finditer(content):
        try:
            _require_whole(content, found.start())
        except struct.error:
            raise ValueError("the global heap is cut off") from None


def _require_whole(content: bytes, start: int) -> None:
    end = start + SIZE.unpack_from(content, start)[0]
    place = start + SIZE.size
    while place < end:
        index, _, size = OBJECT.unpack_from(content, place)
        # The free space at the end has the index 0, and counts its own header.
        place += size if index == 0 else OBJECT.size + -(-size // 8) * 8
        if index == 0:
            break
    if place != end or end > len(content):
        raise ValueError("the sizes in the global heap do not add up")
