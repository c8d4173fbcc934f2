"""The HDF5 store of rows by track: the only place that knows h5py.

A store is a folder of SHARDS files; a track's shard follows from its id. Each file holds
`rows` (n, ...), `track_id` (n,) and `clip` (n,), sorted by track and clip, and the same
attributes.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.errors import PipelineError

SCHEMA_VERSION = 1
SHARDS = 16
CLIPS = Path("data/clips")
FEATURE_STORES = Path("data/features")
CHUNK_BYTES = 1 << 18

Array = npt.NDArray[Any]


def shard_of(track_id: str) -> int:
    """Shard of a track: its id's SHA-256 modulo SHARDS."""
    digest = hashlib.sha256(track_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % SHARDS


def in_store_order(track_ids: Iterable[str]) -> list[str]:
    """Track ids as a store wants them written: by shard, then by id."""
    return sorted(track_ids, key=lambda track_id: (shard_of(track_id), track_id))


def write_store(
    folder: Path,
    description: Mapping[str, Any],
    tracks: Iterable[tuple[str, Array]],
) -> int:
    """Write a new store, which takes the place of `folder` when it is whole.

    Parameters
    ----------
    folder : Path
    description : mapping
        What a reader must know (name, unit, parameters ...); kept as JSON.
    tracks : iterable of (track_id, rows)
        In the order of `in_store_order`; rows of one dtype and one shape (clips, ...).

    Returns
    -------
    int
        Number of rows.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tracks = iter(tracks)
    first = next(tracks, None)
    if first is None:
        raise ValueError("a store without rows has no shape")
    ordered = _require_order(chain([first], tracks))
    total = _write_shards(partial, json.dumps(description, sort_keys=True), first[1][:0], ordered)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return total


class Store:
    """A store opened for reading.

    Attributes
    ----------
    description : dict
        What the writer said of the rows.
    track_ids : list of str
        In store order.
    row_shape : tuple of int
    dtype : numpy.dtype
    """

    def __init__(self, folder: Path) -> None:
        self._files = [_open_shard(folder, shard) for shard in range(SHARDS)]
        rows = self._files[0]["rows"]
        self.row_shape: tuple[int, ...] = rows.shape[1:]
        self.dtype: np.dtype[Any] = rows.dtype
        self.description: dict[str, Any] = json.loads(self._files[0].attrs["description"])
        self._spans = _index(self._files)
        self.track_ids = list(self._spans)

    def clips(self, track_id: str) -> int:
        """Number of rows of a track."""
        _, start, stop = self._spans[track_id]
        return stop - start

    def rows(self, track_id: str) -> Array:
        """Rows of a track, shape (clips, *row_shape)."""
        shard, start, stop = self._spans[track_id]
        rows: Array = self._files[shard]["rows"][start:stop]
        return rows

    def read(self, track_ids: Iterable[str]) -> Array:
        """Rows of several tracks, one after another, shape (n, *row_shape)."""
        track_ids = list(track_ids)
        count = sum(self.clips(track_id) for track_id in track_ids)
        out = np.empty((count, *self.row_shape), self.dtype)
        start = 0
        for track_id in track_ids:
            stop = start + self.clips(track_id)
            out[start:stop] = self.rows(track_id)
            start = stop
        return out

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()


def _shard_name(shard: int) -> str:
    return f"shard-{shard:02d}.h5"


def _require_order(tracks: Iterable[tuple[str, Array]]) -> Iterator[tuple[str, Array]]:
    last = (-1, "")
    for track_id, rows in tracks:
        place = (shard_of(track_id), track_id)
        if place <= last:
            raise ValueError(f"{track_id} comes after {last[1]}: not in store order")
        last = place
        yield track_id, rows


def _write_shards(
    folder: Path, description: str, template: Array, tracks: Iterable[tuple[str, Array]]
) -> int:
    written = total = 0
    for shard, of_shard in groupby(tracks, key=lambda track: shard_of(track[0])):
        for empty in range(written, shard):
            _write_shard(folder, empty, description, template, ())
        total += _write_shard(folder, shard, description, template, of_shard)
        written = shard + 1
    for empty in range(written, SHARDS):
        _write_shard(folder, empty, description, template, ())
    return total


def _write_shard(
    folder: Path,
    shard: int,
    description: str,
    template: Array,
    tracks: Iterable[tuple[str, Array]],
) -> int:
    ids: list[bytes] = []
    clips: list[int] = []
    # Later formats keep the time in the root group, and no two builds would be the same bytes.
    with h5py.File(folder / _shard_name(shard), "w", libver="earliest") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["description"] = description
        rows = _empty_rows(file, template)
        for track_id, track_rows in tracks:
            rows.resize(len(ids) + len(track_rows), axis=0)
            rows[len(ids) :] = track_rows
            ids.extend([track_id.encode()] * len(track_rows))
            clips.extend(range(len(track_rows)))
        file.create_dataset("track_id", data=np.array(ids, np.bytes_ if ids else "S1"))
        file.create_dataset("clip", data=np.array(clips, np.int32))
    return len(ids)


def _empty_rows(file: h5py.File, template: Array) -> h5py.Dataset:
    shape = template.shape[1:]
    row_bytes = max(1, template.dtype.itemsize * int(np.prod(shape)))
    return file.create_dataset(
        "rows",
        shape=template.shape,
        dtype=template.dtype,
        maxshape=(None, *shape),
        chunks=(max(1, CHUNK_BYTES // row_bytes), *shape),
        compression="lzf",
        shuffle=True,
    )


def _open_shard(folder: Path, shard: int) -> h5py.File:
    path = folder / _shard_name(shard)
    if not path.is_file():
        raise PipelineError(f"{path} is missing: {folder} is no complete store")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise PipelineError(f"{path} is not a readable HDF5 file: {error}") from None
    version = file.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise PipelineError(f"{path}: schema version {version}, expected {SCHEMA_VERSION}")
    missing = [name for name in ("rows", "track_id", "clip") if name not in file]
    if missing:
        raise PipelineError(f"{path} has no dataset {missing[0]!r}")
    return file


def _index(files: list[h5py.File]) -> dict[str, tuple[int, int, int]]:
    """(shard, first row, row after the last) of each track."""
    spans: dict[str, tuple[int, int, int]] = {}
    for shard, file in enumerate(files):
        start = 0
        for encoded, group in groupby(file["track_id"][:]):
            stop = start + len(list(group))
            spans[encoded.decode()] = (shard, start, stop)
            start = stop
    return spans


def iterate(store: Store) -> Iterator[tuple[str, Array]]:
    """Every track with its rows, in store order, one in memory at a time."""
    for track_id in store.track_ids:
        yield track_id, store.rows(track_id)
