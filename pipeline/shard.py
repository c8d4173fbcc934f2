"""One HDF5 file of a store: the only place that knows h5py.

docs/store.md says what is in it. `rows` is contiguous and uncompressed, so that a reader maps it
into memory: spectra and PCM barely compress without loss, and unpacking costs ten times a read.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.errors import PipelineError

SCHEMA_VERSION = 2
REQUIRED = ("rows", "track_id", "clip")

Array = npt.NDArray[Any]


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
    # Later formats keep the time in the root group, and no two builds would be the same bytes.
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for name, value in sorted(description.items()):
            file.attrs[name] = json.dumps(value) if isinstance(value, Mapping) else value
        rows = file.create_dataset("rows", (total, *template.shape[1:]), template.dtype)
        digests = np.empty((total, 32), np.uint8)
        start = 0
        for track in tracks:
            stop = start + len(track)
            rows[start:stop] = track
            digests[start:stop] = row_digests(track)
            start = stop
        if start != total:
            raise ValueError(f"{path}: {start} rows came, {total} were announced")
        ids = [name.encode() for name, count in clips.items() for _ in range(count)]
        text = h5py.string_dtype("utf-8", max(map(len, ids), default=1))
        file.create_dataset("track_id", data=np.array(ids, text))
        file.create_dataset("clip", data=_numbers(clips.values()))
        file.create_dataset("sha256", data=digests)


def row_digests(rows: Array) -> npt.NDArray[np.uint8]:
    """SHA-256 of each row's bytes, shape (n, 32)."""
    found = b"".join(hashlib.sha256(row.tobytes()).digest() for row in rows)
    return np.frombuffer(found, np.uint8).reshape(len(rows), 32)


class Shard:
    """One file opened for reading.

    Attributes
    ----------
    rows : memory map or h5py.Dataset, shape (n, ...)
        Mapped where the file's layout allows.
    clips : dict of str to int
        Number of rows of each track, in the order of the rows.
    description : dict
        The attributes, less the schema version.
    """

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        try:
            self.rows: Any = _mapped(self._file["rows"], path)
            self.clips = {
                encoded.decode(): len(list(group))
                for encoded, group in groupby(self._file["track_id"][:])
            }
            self.description = {
                name: _attribute(value)
                for name, value in self._file.attrs.items()
                if name != "schema_version"
            }
        except BaseException:
            self.close()
            raise

    def digests(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """SHA-256 of rows `start` to `stop`, shape (n, 32): as written, else computed."""
        if "sha256" in self._file:
            stored: npt.NDArray[np.uint8] = self._file["sha256"][start:stop]
            return stored
        return row_digests(self.rows[start:stop])

    def close(self) -> None:
        """Close the file; rows that were read stay valid."""
        self._file.close()


def _numbers(counts: Iterable[int]) -> npt.NDArray[np.int32]:
    ranges = [np.arange(count, dtype=np.int32) for count in counts]
    return np.concatenate(ranges) if ranges else np.empty(0, np.int32)


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise PipelineError(f"{path} is missing: {path.parent} is no complete store")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise PipelineError(f"{path} is not a readable HDF5 file: {error}") from None
    problem = _problem(file)
    if problem:
        file.close()
        raise PipelineError(f"{path}: {problem}")
    return file


def _problem(file: h5py.File) -> str:
    version = file.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        return f"schema version {version}, expected {SCHEMA_VERSION}"
    missing = [name for name in REQUIRED if name not in file]
    if missing:
        return f"no dataset {missing[0]!r}"
    lengths = {name: len(file[name]) for name in REQUIRED}
    if len(set(lengths.values())) > 1:
        return f"the datasets' lengths differ: {lengths}"
    return ""


def _mapped(rows: h5py.Dataset, path: Path) -> Any:
    offset = rows.id.get_offset()
    if offset is None:  # chunked, or without a row
        return rows
    return np.memmap(path, rows.dtype, "r", offset, rows.shape)


def _attribute(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
