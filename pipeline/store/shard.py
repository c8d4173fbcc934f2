"""One HDF5 file of a store, read and written: the only module that knows h5py.

docs/store.md describes its content. `rows` is contiguous and uncompressed, so that a reader maps
it into memory: spectra and PCM barely compress without loss, and unpacking takes far longer than
reading.
"""

import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.store.heap import require_whole_heaps

SCHEMA_VERSION = 2
REQUIRED = ("rows", "track_id", "clip")
WRITE_BYTES = 1 << 23
HEADER_BYTES = 1 << 16  # more than HDF5 writes besides the datasets
# What h5py raises about a damaged file.
UNREADABLE = (
    OSError,
    RuntimeError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)
WRITABLE = 0o222  # permission of anybody to write


def row_digests(rows: Array) -> npt.NDArray[np.uint8]:
    """SHA-256 of each row's bytes, shape (n, 32)."""
    found = b"".join(hashlib.sha256(row.tobytes()).digest() for row in rows)
    return np.frombuffer(found, np.uint8).reshape(len(rows), 32)


class Shard:
    """One file that is open for reading.

    Attributes
    ----------
    shape : tuple of int
        (n, ...) of the rows.
    dtype : numpy.dtype

    Raises
    ------
    PipelineError
        The file is missing or not an HDF5 file, has another schema version, lacks a part, or is
        damaged, which may be found only when something is read.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, _open(path)
        try:
            with _readable(path):
                _require_version(self._file, path)
                self._dataset = _require_datasets(self._file, path)["rows"]
                self.shape: tuple[int, ...] = self._dataset.shape
                self.dtype: np.dtype[Any] = self._dataset.dtype
        except PipelineError:
            self.close()
            raise

    @cached_property
    def rows(self) -> Any:
        """The rows, mapped into memory where the file's layout allows, else an h5py.Dataset."""
        if self._map is None:
            return self._dataset
        return np.ndarray(self.shape, self.dtype, self._map, self._dataset.id.get_offset())

    @cached_property
    def _map(self) -> mmap.mmap | None:
        """The whole file; None if `rows` is chunked or empty."""
        if self._dataset.id.get_offset() is None:
            return None
        with self._path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def prefetch(self, row: int) -> None:
        """Have the system read one row into memory in the background.

        After the first call it no longer reads ahead.
        """
        if self._random_map is not None:
            size = self.rows[:1].nbytes
            start = self._dataset.id.get_offset() + row * size
            page = start - start % mmap.PAGESIZE
            self._random_map.madvise(mmap.MADV_WILLNEED, page, start + size - page)

    @cached_property
    def _random_map(self) -> mmap.mmap | None:
        if self._map is not None:
            self._map.madvise(mmap.MADV_RANDOM)
        return self._map

    def description(self) -> dict[str, Any]:
        """What the writer said about the rows: all attributes but the schema version."""
        with _readable(self._path):
            _require_texts(self._path, self._dataset)
            found = {name: _attribute(self._file.attrs, name) for name in self._file.attrs}
            del found["schema_version"]
            return found

    def clips(self) -> dict[str, int]:
        """Number of rows of each track, in the order of the rows."""
        with _readable(self._path):
            ids = self._file["track_id"][:]
            return {encoded.decode(): len(list(group)) for encoded, group in groupby(ids)}

    def digests(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """SHA-256 of each row of a range, shape (stop - start, 32).

        If nobody may write to the file, these are stored in it. Otherwise they are computed, as
        the rows may have been edited: a store of the user's own can be written to.
        """
        with _readable(self._path):
            if "sha256" in self._file and not self._path.stat().st_mode & WRITABLE:
                stored: npt.NDArray[np.uint8] = self._file["sha256"][start:stop]
                return stored
        return row_digests(self.rows[start:stop])

    def read_into(self, out: Array, start: int) -> None:
        """Fill `out` with the rows from `start` on; for many rows, faster than through the map."""
        if len(out):
            with _readable(self._path):
                self._dataset.read_direct(out, np.s_[start : start + len(out)])

    def close(self) -> None:
        """Close the file; rows that were read remain valid."""
        self._file.close()


def _open(path: Path) -> h5py.File:
    if not path.parent.is_dir():
        raise PipelineError(f"{path.parent} is missing; run `dvc repro`")
    if not path.is_file():
        raise PipelineError(f"{path} is missing: {path.parent} is not a complete store")
    try:
        return h5py.File(path)
    except OSError as error:
        raise PipelineError(f"{path} is not a readable HDF5 file: {error}") from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file in what h5py says of a damaged one."""
    try:
        yield
    except UNREADABLE as error:
        raise PipelineError(f"{path} is damaged: {' '.join(str(error).split())}") from None


def _require_version(file: h5py.File, path: Path) -> None:
    version = file.attrs.get("schema_version")
    if version is None:
        raise PipelineError(f"{path}: no attribute 'schema_version'")
    if version != SCHEMA_VERSION:
        raise PipelineError(f"{path}: schema version {version}, expected {SCHEMA_VERSION}")


def _require_datasets(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    found = {name: file.get(name) for name in REQUIRED}
    missing = [name for name in REQUIRED if found[name] is None]
    if missing:
        raise PipelineError(f"{path}: no dataset {missing[0]!r}")
    size = path.stat().st_size
    for name, dataset in found.items():
        if (dataset.id.get_offset() or 0) + _stored_bytes(dataset) > size:
            raise PipelineError(f"{path} is damaged: {name} would not fit into the file")
    lengths = {name: dataset.shape[0] for name, dataset in found.items()}
    if len(set(lengths.values())) > 1:
        raise PipelineError(f"{path}: the datasets' lengths differ: {lengths}")
    return found


def _stored_bytes(dataset: h5py.Dataset) -> int:
    """Bytes that a dataset takes in its file, where that can be told from its shape."""
    return 0 if dataset.chunks else int(dataset.nbytes)


def _require_texts(path: Path, rows: h5py.Dataset) -> None:
    with path.open("rb") as file:  # what lies before the rows; of chunks, that is not known
        require_whole_heaps(file.read(rows.id.get_offset() or 0))


def _attribute(attributes: h5py.AttributeManager, name: str) -> Any:
    found = attributes.get_id(name)
    # h5py may crash when it reads a sequence that is none.
    if found.shape != () or isinstance(found.get_type(), h5py.h5t.TypeVlenID):
        raise ValueError(f"the attribute {name!r} is not one number or text")
    value = attributes[name]
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value


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
        Becomes the file's attributes, in which mappings are JSON.
    template : array, shape (0, ...)
        Has the rows' shape and dtype.
    clips : mapping of track id to number of rows
        Sorted by track id.
    tracks : iterable of array, shape (clips, ...)
        The rows of each track of `clips`, in that order; only one array is in memory at a time.
    """
    total = sum(clips.values())
    with _naming(path):
        offsets = _write_skeleton(path, description, template, clips, total)
        # Not through HDF5: large writes read back faster.
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
    """Write all but the rows and their digests; return the places of these, in bytes."""
    names = [name.encode() for name, count in clips.items() for _ in range(count)]
    ids = np.array(names, h5py.string_dtype("utf-8", max(map(len, names), default=1)))
    numbers = np.array([n for count in clips.values() for n in range(count)], np.int32)
    # If the disk were full, HDF5 would crash at the end of the process: try whether it is.
    path.write_bytes(bytes(ids.nbytes + numbers.nbytes + HEADER_BYTES))
    # Later formats store the time in the root group, and no two files would be the same.
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for name, value in sorted(description.items()):
            file.attrs[name] = json.dumps(value) if isinstance(value, Mapping) else value
        file.create_dataset("track_id", data=ids)
        file.create_dataset("clip", data=numbers)
        kinds = {"rows": template, "sha256": np.empty((0, 32), np.uint8)}
        return {name: _reserve(file, name, kind, total) for name, kind in kinds.items()}


def _reserve(file: h5py.File, name: str, template: Array, total: int) -> int:
    """Create a dataset of `total` rows, and return the place of its first byte."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    shape = (total, *template.shape[1:])
    dataset = file.create_dataset(name, shape, template.dtype, dcpl=layout)
    return int(dataset.id.get_offset() or 0)


def _write_rows(file: IO[bytes], rows: Array) -> npt.NDArray[np.uint8]:
    """Write rows, and return their digests."""
    rows = np.ascontiguousarray(rows)
    file.write(rows.data)
    return row_digests(rows)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in errors of the system such as a full disk, which take h5py many lines."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = re.search(r"errno = (\d+)", str(error))
        number = int(found[1]) if found else getattr(error, "errno", None)
        if number is None or getattr(error, "filename", None):
            raise
        raise OSError(number, os.strerror(number), str(path)) from None
