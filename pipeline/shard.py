"""One HDF5 file of a store, read: with shard_write.py all that knows h5py.

docs/store.md says what is in it. `rows` is contiguous and uncompressed, so that a reader maps it
into memory: spectra and PCM barely compress without loss, and unpacking costs ten times a read.
"""

import hashlib
import json
import mmap
from functools import cached_property
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


def row_digests(rows: Array) -> npt.NDArray[np.uint8]:
    """SHA-256 of each row's bytes, shape (n, 32)."""
    found = b"".join(hashlib.sha256(row.tobytes()).digest() for row in rows)
    return np.frombuffer(found, np.uint8).reshape(len(rows), 32)


class Shard:
    """One file opened for reading, by h5py's lower interface, which opens four times faster.

    Attributes
    ----------
    shape : tuple of int
        (n, ...) of the rows.
    dtype : numpy.dtype

    Raises
    ------
    PipelineError
        The file is missing, is no HDF5 file, has another schema version or lacks a part.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, _open(path)
        try:
            _require_version(self._file, path)
            self._datasets = _require_datasets(self._file, path)
        except PipelineError:
            self.close()
            raise
        self.shape: tuple[int, ...] = self._datasets["rows"].shape
        self.dtype: np.dtype[Any] = self._datasets["rows"].dtype

    @cached_property
    def rows(self) -> Any:
        """The rows, mapped into memory where the file's layout allows, else an h5py.Dataset."""
        if self._map is None:
            return h5py.Dataset(self._datasets["rows"])
        return np.ndarray(self.shape, self.dtype, self._map, self._datasets["rows"].get_offset())

    @cached_property
    def _map(self) -> mmap.mmap | None:
        """The whole file; None where `rows` is chunked, or without a row."""
        if self._datasets["rows"].get_offset() is None:
            return None
        with self._path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def prefetch(self, row: int) -> None:
        """Have the system bring one row into memory while the caller goes on.

        From the first call on, it reads nothing ahead of what it is asked for.
        """
        if self._random_map is not None:
            size = self.rows[:1].nbytes
            start = self._datasets["rows"].get_offset() + row * size
            page = start - start % mmap.PAGESIZE
            self._random_map.madvise(mmap.MADV_WILLNEED, page, start + size - page)

    @cached_property
    def _random_map(self) -> mmap.mmap | None:
        if self._map is not None:
            self._map.madvise(mmap.MADV_RANDOM)
        return self._map

    def description(self) -> dict[str, Any]:
        """What the writer said of the rows: the attributes, less the schema version."""
        found = {name: _attribute(value) for name, value in h5py.File(self._file).attrs.items()}
        del found["schema_version"]
        return found

    def clips(self) -> dict[str, int]:
        """Number of rows of each track, in the order of the rows."""
        ids = _texts(self._datasets["track_id"])
        return {encoded.decode(): len(list(group)) for encoded, group in groupby(ids)}

    @cached_property
    def digests(self) -> npt.NDArray[np.uint8]:
        """SHA-256 of each row, shape (n, 32): as written, else computed."""
        file = h5py.File(self._file)
        if "sha256" in file:
            stored: npt.NDArray[np.uint8] = file["sha256"][:]
            return stored
        return row_digests(self.rows)

    def read_into(self, out: Array, start: int) -> None:
        """Fill `out` with rows from `start` on: faster than through the map, for many."""
        if len(out):
            dataset = h5py.Dataset(self._datasets["rows"])
            dataset.read_direct(out, np.s_[start : start + len(out)])

    def close(self) -> None:
        """Close the file; rows that were read stay valid."""
        self._file.close()


def _open(path: Path) -> h5py.h5f.FileID:
    if not path.is_file():
        raise PipelineError(f"{path} is missing: {path.parent} is no complete store")
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)  # closes the datasets as well
    try:
        return h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY, access)
    except OSError as error:
        raise PipelineError(f"{path} is not a readable HDF5 file: {error}") from None


def _require_version(file: h5py.h5f.FileID, path: Path) -> None:
    version = np.zeros((), np.int64)
    try:
        h5py.h5a.open(file, b"schema_version").read(version)
    except KeyError:
        raise PipelineError(f"{path}: no attribute 'schema_version'") from None
    if version != SCHEMA_VERSION:
        raise PipelineError(f"{path}: schema version {version}, expected {SCHEMA_VERSION}")


def _require_datasets(file: h5py.h5f.FileID, path: Path) -> dict[str, h5py.h5d.DatasetID]:
    found = {}
    for name in REQUIRED:
        try:
            found[name] = h5py.h5d.open(file, name.encode())
        except KeyError:
            raise PipelineError(f"{path}: no dataset {name!r}") from None
    lengths = {name: dataset.shape[0] for name, dataset in found.items()}
    if len(set(lengths.values())) > 1:
        raise PipelineError(f"{path}: the datasets' lengths differ: {lengths}")
    return found


def _texts(dataset: h5py.h5d.DatasetID) -> Array:
    """Strings of a dataset, as bytes."""
    if dataset.dtype.kind != "S" or not dataset.shape[0]:
        return h5py.Dataset(dataset)[:]
    found = np.empty(dataset.shape, dataset.dtype)
    # In the file's own type: HDF5 converts from UTF-8 to plain bytes string by string.
    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, found, dataset.get_type())
    return found


def _attribute(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
