"""Rows that stay on disk until they are asked for."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.store.store import SHARDS, Store, shard_name


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
    if not _holds(_open_store(folder), track_id, digest):
        _open_store.cache_clear()  # it was replaced since
        if not _holds(_open_store(folder), track_id, digest):
            raise PipelineError(f"{folder} changed while the stage ran; run it again")
    store = _open_store(folder)
    rows = store.read([track_id])
    if store.digest_of(rows) != digest:  # what follows from them would be kept under it
        raise PipelineError(
            f"{folder} is damaged: the rows of {track_id} are not those that were written; delete "
            "it and run `dvc repro`"
        )
    return rows


@lru_cache(maxsize=2)
def _open_store(folder: Path) -> Store:
    return Store(folder)


def _holds(store: Store, track_id: str, digest: str) -> bool:
    return track_id in store and store.digest(track_id) == digest
