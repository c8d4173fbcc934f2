"""The labelled clips of a feature store: what is known of each, and its row when it is wanted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import PipelineError
from pipeline.store import Store
from pipeline.tracks import FoldedTrack, folds_of

Array = npt.NDArray[Any]


class StoredRows:
    """Rows of a store, chosen and ordered, that stay on the disk until they are asked for.

    Indexed by an int array it gives those rows, (m, ...), in the store's dtype. A copy that goes
    to another process is a path and row numbers: the processes of one machine share the pages
    that the system keeps of the files, and under pressure the system drops them again.

    Parameters
    ----------
    folder : Path
        Of the store.
    numbers : int array, shape (n,)
        Of rows in the store.

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

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Array) -> Array:
        return self._store[self._numbers[index]]

    def prefetch(self, index: Array) -> None:
        """Have the system bring rows that will be asked for soon."""
        self._store.prefetch(self._numbers[index])

    @cached_property
    def _store(self) -> Store:
        return Store(self._folder)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_store"}


@dataclass(frozen=True)
class LabelledClips:
    """All labelled clips.

    Attributes
    ----------
    rows : StoredRows, shape (n, ...)
        In the store's dtype.
    labels : int array, shape (n,)
        Index into `genres`.
    tested : bool array, shape (folds, n)
        Whether the row is tested in a fold; where it is not, it trains.
    tracks : list of FoldedTrack
    owners : int array, shape (n,)
        Index into `tracks`.
    digests : dict of str to str
        Hash of each track's rows.
    genres : list of str
        Sorted.
    description : dict
        The store's.
    """

    rows: StoredRows
    labels: npt.NDArray[np.int64]
    tested: npt.NDArray[np.bool_]
    tracks: list[FoldedTrack]
    owners: npt.NDArray[np.int64]
    digests: dict[str, str]
    genres: list[str]
    description: dict[str, Any]

    @property
    def track_ids(self) -> npt.NDArray[np.str_]:
        """Of each row."""
        return np.array([track.track_id for track in self.tracks])[self.owners]

    @property
    def by_clip(self) -> bool:
        """Whether folds are dealt by clip, and so leak."""
        return any(track.clip is not None for track in self.tracks)

    def rows_of(self, tracks: Collection[FoldedTrack]) -> npt.NDArray[np.int64]:
        """Numbers of the rows of some of `tracks`, in order."""
        chosen = set(tracks)
        return np.flatnonzero(np.array([track in chosen for track in self.tracks])[self.owners])

    def tracks_of(self, rows: npt.NDArray[np.int64]) -> list[FoldedTrack]:
        """Those of `tracks` that some rows are of."""
        return [self.tracks[owner] for owner in np.unique(self.owners[rows])]


def load_labelled(folder: Path, tracks: Sequence[FoldedTrack]) -> LabelledClips:
    """Clips of `tracks` in the store in `folder`.

    Raises
    ------
    PipelineError
        The store lacks one of the tracks, or a clip of one.
    """
    genres = sorted({track.genre for track in tracks})
    with Store(folder) as store:
        missing = [track.track_id for track in tracks if track.track_id not in store]
        if missing:
            raise PipelineError(f"{folder} has no rows of {missing[0]} ({len(missing)} missing)")
        numbers = [_numbers(store, track) for track in tracks]
        owners = np.repeat(np.arange(len(tracks)), [len(part) for part in numbers])
        labels = np.array([genres.index(track.genre) for track in tracks])
        tested = [[fold in track.tested_in for track in tracks] for fold in folds_of(tracks)]
        return LabelledClips(
            rows=StoredRows(folder, np.concatenate(numbers)),
            labels=labels[owners],
            tested=np.array(tested)[:, owners],
            tracks=list(tracks),
            owners=owners,
            digests={track.track_id: store.digest(track.track_id) for track in tracks},
            genres=genres,
            description=store.description,
        )


def _numbers(store: Store, track: FoldedTrack) -> npt.NDArray[np.int64]:
    span = store.span(track.track_id)
    numbers = np.arange(span.start, span.stop)
    if track.clip is None:
        return numbers
    if track.clip >= len(numbers):
        raise PipelineError(
            f"{track.track_id} has {len(numbers)} clips in the store, and no clip {track.clip}; "
            "run `dvc repro`"
        )
    return numbers[track.clip : track.clip + 1]
