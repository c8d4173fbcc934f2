"""One HDF5 file of a store, read and written: the only module that knows h5py.

docs/store.md describes its content. `rows` is contiguous and uncompressed, so that a reader maps
it into memory: spectra and PCM barely compress without loss, and unpacking takes far longer than
reading. No file is locked, as none is changed once it is complete, and some file systems have no
locks.
"""

import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array

SCHEMA_VERSION = 3
VERSION, DESCRIPTION = "schema_version", "description"  # the file's attributes
REQUIRED = ("rows", "track_id", "clip")
DIGESTS = "sha256"
WRITE_BYTES = 1 << 23
HEADER_BYTES = 1 << 17  # more than HDF5 writes besides the datasets
# What h5py raises about a damaged file.
UNREADABLE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)
WRITABLE = 0o222  # permission of anybody to write

Digests = npt.NDArray[np.uint8]


def row_digests(rows: Array) -> Digests:
    """SHA-256 of each row's bytes, shape (n, 32)."""
    joined = b"".join(hashlib.sha256(row.tobytes()).digest() for row in rows)
    return np.frombuffer(joined, np.uint8).reshape(len(rows), 32)


@dataclass(frozen=True)
class HashedRows:
    """Rows of a track, shape (n, ...), with the SHA-256 of each, shape (n, 32)."""

    rows: Array
    digests: Digests

    @classmethod
    def of(cls, rows: Array) -> "HashedRows":
        """Hash some rows."""
        return cls(rows, row_digests(rows))


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
        """The writer's description of the rows."""
        with _readable(self._path):
            content = json.loads(_attribute(self._file, self._path, DESCRIPTION))
            if not isinstance(content, dict):
                raise ValueError("its description is not a JSON object")
            return content

    def clips(self) -> dict[str, int]:
        """Number of rows of each track, in the order of the rows."""
        with _readable(self._path):
            ids = self._file["track_id"][:]
            return {encoded.decode(): len(list(group)) for encoded, group in groupby(ids)}

    def digests(self, start: int, stop: int) -> Digests:
        """SHA-256 of each row of a range, shape (stop - start, 32).

        If nobody may write to the file, these are stored in it. Otherwise they are computed, as
        the rows may have been edited: a store of the user's own can be written to.
        """
        stored = self._stored_digests
        return row_digests(self.rows[start:stop]) if stored is None else stored[start:stop]

    @cached_property
    def _stored_digests(self) -> Digests | None:
        """All at once, as HDF5 takes as long for those of one track."""
        with _readable(self._path):
            if DIGESTS in self._file and not self._path.stat().st_mode & WRITABLE:
                stored: Digests = self._file[DIGESTS][:]
                return stored
        return None

    def has_its_rows(self) -> bool:
        """Whether the digests in the file are those of its rows."""
        with _readable(self._path):
            stored = self._file[DIGESTS][:]
        return np.array_equal(row_digests(self.rows), stored)

    def read_into(self, out: Array, start: int) -> None:
        """Fill `out` with the rows from `start` on; for many rows, faster than through the map."""
        if len(out):
            with _readable(self._path):
                self._dataset.read_direct(out, np.s_[start : start + len(out)])

    def read_row(self, out: Array, row: int) -> None:
        """Fill `out`, shape (1, ...), with one row.

        It does not go through the map, whose pages count as memory of the process once they were
        touched.
        """
        if self._place is None:
            out[:] = self._dataset[row : row + 1]
        else:
            file, offset = self._place
            os.preadv(file, [out.data], offset + row * out.nbytes)

    @cached_property
    def _place(self) -> tuple[int, int] | None:
        """The descriptor of the file and the place of its first row; None as for `_map`."""
        offset = self._dataset.id.get_offset()
        return None if offset is None else (self._file.id.get_vfd_handle(), offset)

    def close(self) -> None:
        """Close the file; rows that were read remain valid."""
        self._file.close()


def _open(path: Path) -> h5py.File:
    if not path.parent.is_dir():
        raise PipelineError(f"{path.parent} is missing; run `dvc repro`")
    if not path.is_file():
        raise PipelineError(f"{path} is missing: {path.parent} is not a complete store")
    try:
        return h5py.File(path, locking=False)
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
    if VERSION not in file.attrs:
        raise PipelineError(f"{path}: no attribute {VERSION!r}")
    version = _attribute(file, path, VERSION)
    if version != SCHEMA_VERSION:
        raise PipelineError(f"{path}: schema version {version}, expected {SCHEMA_VERSION}")


def _attribute(file: h5py.File, path: Path, name: str) -> Any:
    """A number or a text, whose type is looked at before HDF5 reads it.

    HDF5 may follow a damaged value of variable length for ever, or crash.
    """
    attribute = file.attrs.get_id(name)
    if attribute.shape != () or attribute.dtype.hasobject:
        raise ValueError(f"the attribute {name!r} is not one value of fixed length")
    if attribute.dtype.itemsize > path.stat().st_size:
        raise ValueError(f"the attribute {name!r} would not fit into the file")
    return file.attrs[name]


def _require_datasets(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    found = {name: file[name] for name in (*REQUIRED, DIGESTS) if name in file}
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise PipelineError(f"{path}: no dataset {missing[0]!r}")
    size = path.stat().st_size
    for name, dataset in found.items():
        if dataset.dtype.hasobject:
            raise PipelineError(f"{path}: the values of {name!r} are not of fixed length")
        if (dataset.id.get_offset() or 0) + _stored_bytes(dataset) > size:
            raise PipelineError(f"{path} is damaged: {name} would not fit into the file")
    if found["rows"].dtype.kind not in "biufc":
        raise PipelineError(f"{path}: the values of 'rows' are not numbers")
    lengths = {name: dataset.shape[0] for name, dataset in found.items()}
    if len(set(lengths.values())) > 1:
        raise PipelineError(f"{path}: the datasets' lengths differ: {lengths}")
    return found


def _stored_bytes(dataset: h5py.Dataset) -> int:
    """Bytes that a dataset takes in its file, where that can be told from its shape."""
    return 0 if dataset.chunks else int(dataset.nbytes)


def write_shard(
    path: Path,
    description: Mapping[str, Any],
    template: Array,
    clips: Mapping[str, int],
    tracks: Iterable[HashedRows],
) -> tuple[int, int]:
    """Write one file; the same content gives the same bytes.

    Parameters
    ----------
    path : Path
    description : mapping
        What a reader must know, as JSON can hold it.
    template : array, shape (0, ...)
        Has the rows' shape and dtype.
    clips : mapping of track id to number of rows
        Sorted by track id.
    tracks : iterable of HashedRows
        The rows of each track of `clips`, in that order; only one track is in memory at a time.

    Returns
    -------
    start, stop : int
        The bytes of the file that are rows, as `is_intact` takes them.
    """
    total = sum(clips.values())
    with _naming(path):
        offsets = _write_skeleton(path, description, template, clips, total)
        # Not through HDF5: large writes read back faster.
        with path.open("r+b", buffering=WRITE_BYTES) as file:
            file.seek(offsets["rows"])
            digests = []
            for track in tracks:
                file.write(np.ascontiguousarray(track.rows).data)
                digests.append(track.digests)
            stop = file.tell()
            written = sum(map(len, digests))
            if written != total:
                raise ValueError(f"{path}: {written} rows came, {total} were announced")
            file.seek(offsets[DIGESTS])
            file.write(b"".join(digest.tobytes() for digest in digests))
    return offsets["rows"], stop


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
    with h5py.File(path, "w", libver="earliest", locking=False) as file:
        file.attrs[VERSION] = SCHEMA_VERSION
        file.attrs[DESCRIPTION] = np.bytes_(json.dumps(dict(sorted(description.items()))))
        file.create_dataset("track_id", data=ids)
        file.create_dataset("clip", data=numbers)
        kinds = {"rows": template, DIGESTS: np.empty((0, 32), np.uint8)}
        return {name: _reserve(file, name, kind, total) for name, kind in kinds.items()}


def _reserve(file: h5py.File, name: str, template: Array, total: int) -> int:
    """Create a dataset of `total` rows, and return the place of its first byte."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    shape = (total, *template.shape[1:])
    dataset = file.create_dataset(name, shape, template.dtype, dcpl=layout)
    return int(dataset.id.get_offset() or 0)


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


def frame_digest(path: Path, start: int, stop: int) -> str:
    """SHA-256, in hex, of a file's bytes except for its rows, which lie from `start` to `stop`."""
    with path.open("rb") as file:
        frame = hashlib.sha256(file.read(start))
        file.seek(stop)
        frame.update(file.read())
    return frame.hexdigest()


def is_intact(path: Path, start: int, stop: int, frame: str) -> bool:
    """Whether a file is as it was written: its frame, and the rows by the digests in that."""
    if frame_digest(path, start, stop) != frame:  # before HDF5 reads any of it
        return False
    with closing(Shard(path)) as shard:
        return shard.has_its_rows()
