"""One HDF5 file of a store, written: the same content gives the same bytes."""

import errno
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.shard import SCHEMA_VERSION, Array, row_digests

WRITE_BYTES = 1 << 23


def write_shard(
    path: Path,
    description: Mapping[str, Any],
    template: Array,
    clips: Mapping[str, int],
    tracks: Iterable[Array],
) -> None:
    """Write one file; the same content gives the same bytes.

    Parameters
    ----------
    path : Path
    description : mapping
        Becomes the file's attributes: texts and numbers as they are, mappings as JSON.
    template : array, shape (0, ...)
        Says the rows' shape and dtype.
    clips : mapping of track id to number of rows
        Sorted by track id.
    tracks : iterable of array, shape (clips, ...)
        The rows of each track of `clips`, in that order; one at a time is in memory.
    """
    total = sum(clips.values())
    try:
        offsets = _write_skeleton(path, description, template, clips, total)
    except (OSError, RuntimeError) as error:  # h5py raises both, with many lines of HDF5's own
        raise _as_os_error(error, path) from None
    # Not through HDF5: a full disk is an error that says so, and large writes read back faster.
    with path.open("r+b", buffering=WRITE_BYTES) as file:
        file.seek(offsets["rows"])
        digests = [_write_rows(file, track) for track in tracks]
        written = sum(map(len, digests))
        if written != total:
            raise ValueError(f"{path}: {written} rows came, {total} were announced")
        file.seek(offsets["sha256"])
        file.write(b"".join(digest.tobytes() for digest in digests))


def _write_skeleton(
    path: Path,
    description: Mapping[str, Any],
    template: Array,
    clips: Mapping[str, int],
    total: int,
) -> dict[str, int]:
    """Everything but the rows and their digests; where in the file these go, in bytes."""
    # Later formats keep the time in the root group, and no two builds would be the same bytes.
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for name, value in sorted(description.items()):
            file.attrs[name] = json.dumps(value) if isinstance(value, Mapping) else value
        ids = [name.encode() for name, count in clips.items() for _ in range(count)]
        text = h5py.string_dtype("utf-8", max(map(len, ids), default=1))
        file.create_dataset("track_id", data=np.array(ids, text))
        file.create_dataset("clip", data=_numbers(clips.values()))
        kinds = {"rows": template, "sha256": np.empty((0, 32), np.uint8)}
        return {name: _reserve(file, name, kind, total) for name, kind in kinds.items()}


def _reserve(file: h5py.File, name: str, template: Array, total: int) -> int:
    """Make a dataset of `total` rows, and say where its bytes go."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    shape = (total, *template.shape[1:])
    dataset = file.create_dataset(name, shape, template.dtype, dcpl=layout)
    return int(dataset.id.get_offset() or 0)


def _as_os_error(error: Exception, path: Path) -> OSError:
    found = re.search(r"errno = (\d+)", str(error))
    number = int(found[1]) if found else getattr(error, "errno", None) or errno.EIO
    return OSError(number, os.strerror(number), str(path))


def _write_rows(file: IO[bytes], rows: Array) -> npt.NDArray[np.uint8]:
    """Append rows, and return their digests."""
    rows = np.ascontiguousarray(rows)
    file.write(rows.data)
    return row_digests(rows)


def _numbers(counts: Iterable[int]) -> npt.NDArray[np.int32]:
    ranges = [np.arange(count, dtype=np.int32) for count in counts]
    return np.concatenate(ranges) if ranges else np.empty(0, np.int32)
