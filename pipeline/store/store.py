"""A store: a folder of SHARDS files with the rows of tracks, read as one array."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.store.shard import HashedRows, Shard, row_digests, write_shard

SHARDS = 32


def shard_of(track_id: str) -> int:
    """Shard of a track: the first 8 bytes of its id's SHA-256, big-endian, modulo SHARDS."""
    digest = hashlib.sha256(track_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % SHARDS


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"shard-{number:02d}.h5"


def in_store_order(track_ids: Iterable[str]) -> list[str]:
    """Sort track ids as in a store: by shard, then by id."""
    return sorted(track_ids, key=lambda track_id: (shard_of(track_id), track_id))


class Store:
    """A store that is open for reading; indexed by a slice or row numbers, it returns rows.

    Attributes
    ----------
    shape : tuple of int
        (rows, ...) of all shards as one array.
    dtype : numpy.dtype
    folder : Path

    Raises
    ------
    PipelineError
        A file is missing or not an HDF5 file, has another schema, or lacks a part, or the files
        do not agree. Their descriptions and tracks are compared when they are asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._shards: list[Shard] = []
        try:
            for number in range(SHARDS):
                self._shards.append(Shard(folder / shard_name(number)))
            _require_same(folder, "dtype", [shard.dtype for shard in self._shards])
            _require_same(folder, "row shape", [shard.shape[1:] for shard in self._shards])
        except BaseException:
            self.close()
            raise
        self.folder = folder
        self.dtype: np.dtype[Any] = self._shards[0].dtype
        self._starts = [0, *accumulate(shard.shape[0] for shard in self._shards)]
        self.shape: tuple[int, ...] = (self._starts[-1], *self._shards[0].shape[1:])

    @cached_property
    def description(self) -> dict[str, Any]:
        """The writer's description of the rows."""
        found = [shard.description() for shard in self._shards]
        _require_same(self.folder, "description", found)
        return found[0]

    @property
    def track_ids(self) -> list[str]:
        """Ids of all tracks, in store order."""
        return list(self._spans)

    @cached_property
    def _spans(self) -> dict[str, slice]:
        spans: dict[str, slice] = {}
        for number, shard in enumerate(self._shards):
            start = self._starts[number]
            for track_id, clips in shard.clips().items():
                _require_place(self.folder, track_id, number)
                spans[track_id] = slice(start, start + clips)
                start += clips
        return spans

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Array:
        """Rows of a slice or of an array of row numbers, in that order."""
        if not isinstance(index, slice):
            return self._take(np.asarray(index))
        start, stop, step = index.indices(len(self))
        return self._block(start, stop) if step == 1 else self._take(np.arange(start, stop, step))

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._spans

    def span(self, track_id: str) -> slice:
        """The slice of a track's rows."""
        return self._spans[track_id]

    def clips(self, track_id: str) -> int:
        """Number of rows of a track."""
        span = self._spans[track_id]
        return int(span.stop - span.start)

    def rows(self, track_id: str) -> Array:
        """Rows of a track, shape (clips, ...), read-only."""
        return self[self._spans[track_id]]

    def digest(self, track_id: str) -> str:
        """SHA-256, in hex, of the digests, dtype and shape of a track's rows."""
        return self._joined(self._digests(track_id))

    def digest_of(self, rows: Array) -> str:
        """The value of `digest` for a track with these rows."""
        return self._joined(row_digests(rows))

    def row_digests(self, track_id: str) -> list[str]:
        """SHA-256, in hex, of the bytes of each row of a track."""
        return [bytes(each).hex() for each in self._digests(track_id)]

    def prefetch(self, index: Array) -> None:
        """Have the system read the rows of an array of row numbers in the background."""
        for row in index.tolist():
            number = self._shard_at(row)
            self._shards[number].prefetch(row - self._starts[number])

    def read(self, track_ids: Iterable[str]) -> Array:
        """Rows of several tracks, one after another, shape (n, ...).

        They are copied, as the pages of a memory map count as memory of the process once they
        were touched.
        """
        spans = [self._spans[track_id] for track_id in track_ids]
        starts = [0, *accumulate(span.stop - span.start for span in spans)]
        out = np.empty((starts[-1], *self.shape[1:]), self.dtype)
        for start, stop, span in zip(starts, starts[1:], spans, strict=False):
            self._read_into(out[start:stop], span.start)
        return out

    def close(self) -> None:
        """Close the files; rows that were read remain valid."""
        for shard in self._shards:
            shard.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _joined(self, digests: Array) -> str:
        kind = f"{self.dtype.str} {self.shape[1:]}".encode()
        return hashlib.sha256(kind + digests.tobytes()).hexdigest()

    def _digests(self, track_id: str) -> Array:
        span = self._spans[track_id]
        number = self._shard_at(span.start)
        start = self._starts[number]
        return self._shards[number].digests(span.start - start, span.stop - start)

    def _shard_at(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def _block(self, start: int, stop: int) -> Array:
        first = min(self._shard_at(start), SHARDS - 1)
        if stop <= self._starts[first + 1]:
            offset = self._starts[first]
            return self._shards[first].rows[start - offset : max(start, stop) - offset]
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        self._read_into(out, start)
        return out

    def _read_into(self, out: Array, start: int) -> None:
        """Fill `out` with the rows from `start` on."""
        stop = start + len(out)
        for number in range(self._shard_at(start), SHARDS):
            offset = self._starts[number]
            low, high = max(start, offset), min(stop, self._starts[number + 1])
            if low < high:
                self._shards[number].read_into(out[low - start : high - start], low - offset)

    def _take(self, index: Array) -> Array:
        if len(index) and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"row numbers should be from 0 to {len(self) - 1}")
        out = np.empty((len(index), *self.shape[1:]), self.dtype)
        for place, row in enumerate(index.tolist()):
            number = self._shard_at(row)
            self._shards[number].read_row(out[place : place + 1], row - self._starts[number])
        return out


def write_store(folder: Path, description: Mapping[str, Any], tracks: Mapping[str, Array]) -> None:
    """Write a store of rows in memory, such as a feature of your own.

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    description : mapping
        ``name``, ``unit`` and, from the store of clips, ``sample_rate`` and ``seconds``.
    tracks : mapping of track id to array, shape (clips, ...)
        One row for each clip, in order; all with the same dtype and row shape.
    """
    folder.mkdir(parents=True)
    template = next(iter(tracks.values()))[:0]
    for number in range(SHARDS):
        ids = sorted(track_id for track_id in tracks if shard_of(track_id) == number)
        clips = {track_id: len(tracks[track_id]) for track_id in ids}
        rows = (HashedRows.of(tracks[track_id]) for track_id in ids)
        write_shard(folder / shard_name(number), description, template, clips, rows)


def _require_same(folder: Path, what: str, values: Sequence[Any]) -> None:
    for number, value in enumerate(values):
        if value != values[0]:
            raise PipelineError(
                f"{folder / shard_name(number)}: {what} {value}, but {values[0]} in {shard_name(0)}"
            )


def _require_place(folder: Path, track_id: str, number: int) -> None:
    place = shard_of(track_id)
    if place != number:
        raise PipelineError(
            f"{folder / shard_name(number)} holds {track_id}, which belongs in {shard_name(place)}"
        )


class StoredRows:
    """Chosen rows of a store, in a chosen order.

    Indexed by an int array of shape (m,), it returns those rows, (m, ...), in the store's dtype.
    To another process goes a path and row numbers: the processes of one machine share the pages
    of the files that the system keeps in memory, and drops again when it needs the memory. It is
    an error there if the files are no longer the same.

    Parameters
    ----------
    folder : Path
        Of the store.
    numbers : int array, shape (n,)
        Numbers of rows in the store.

    Attributes
    ----------
    shape : tuple of int
        (n, ...)
    dtype : numpy.dtype
    """

    def __init__(self, folder: Path, numbers: npt.NDArray[np.int64]) -> None:
        self._folder, self._numbers = folder.absolute(), numbers
        with Store(folder) as store:
            self.shape: tuple[int, ...] = (len(numbers), *store.shape[1:])
            self.dtype: np.dtype[Any] = store.dtype
            self._files = _identities(self._folder)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Array) -> Array:
        return self._store[self._numbers[index]]

    def prefetch(self, index: Array) -> None:
        """Have the system read rows that will be asked for soon."""
        self._store.prefetch(self._numbers[index])

    @cached_property
    def _store(self) -> Store:
        store = Store(self._folder)
        if _identities(self._folder) != self._files:
            store.close()
            raise PipelineError(f"{self._folder} changed while the stage ran; run it again")
        return store

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_store"}


def _identities(folder: Path) -> list[tuple[int, int]]:
    """Size and time of each file of a store; a file that is written anew has another time."""
    stats = [(folder / shard_name(number)).stat() for number in range(SHARDS)]
    return [(stat.st_size, stat.st_mtime_ns) for stat in stats]


class JoinedRows:
    """The rows of several stores, one after another, as one array like `StoredRows`.

    Parameters
    ----------
    parts : sequence of StoredRows
        All with the same row shape and dtype.
    """

    def __init__(self, parts: Sequence[StoredRows]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(map(len, parts))]
        self.shape = (self._starts[-1], *parts[0].shape[1:])
        self.dtype = parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Array) -> Array:
        out = np.empty((len(index), *self.shape[1:]), self.dtype)
        for number, places in self._by_part(index):
            out[places] = self._parts[number][index[places] - self._starts[number]]
        return out

    def prefetch(self, index: Array) -> None:
        """Have the system read rows that will be asked for soon."""
        for number, places in self._by_part(index):
            self._parts[number].prefetch(index[places] - self._starts[number])

    def _by_part(self, index: Array) -> list[tuple[int, Array]]:
        """Numbers of the parts that are asked for, and where in `index` their rows are."""
        owner = np.searchsorted(self._starts, index, side="right") - 1
        return [(int(number), np.flatnonzero(owner == number)) for number in np.unique(owner)]


def rows_of(folder: Path, track_id: str, digest: str) -> Array:
    """Rows of a track in a store, which stays open, as its other tracks will be asked for.

    Raises
    ------
    PipelineError
        The store does not hold a track with that id and `digest`, or its rows are damaged.
    """
    rows = _rows_with(folder, track_id, digest)
    if rows is None:
        _open_store.cache_clear()  # it may have been replaced since it was opened
        rows = _rows_with(folder, track_id, digest)
    if rows is not None:
        return rows
    store = _open_store(folder)
    if track_id in store and store.digest(track_id) == digest:
        raise PipelineError(
            f"{folder} is damaged: the rows of {track_id} are not those that were written; delete "
            "it and run `dvc repro`"
        )
    raise PipelineError(f"{folder} changed while the stage ran; run it again")


def _rows_with(folder: Path, track_id: str, digest: str) -> Array | None:
    """The rows of a track if they have this digest: what follows from them is kept under it."""
    store = _open_store(folder)
    rows = store.read([track_id]) if track_id in store else None
    return rows if rows is not None and store.digest_of(rows) == digest else None


@lru_cache(maxsize=2)
def _open_store(folder: Path) -> Store:
    return Store(folder)
