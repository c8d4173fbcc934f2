"""The labelled clips of a feature store: what is known of each, and its row when it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import PipelineError
from pipeline.store import Store
from pipeline.tracks import FoldedTrack

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
    folds : int array, shape (n,)
        Fold in which the row is tested.
    track_ids : str array, shape (n,)
    digests : dict of str to str
        Hash of each track's rows.
    genres : list of str
        Sorted.
    description : dict
        The store's.
    """

    rows: StoredRows
    labels: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]
    track_ids: npt.NDArray[np.str_]
    digests: dict[str, str]
    genres: list[str]
    description: dict[str, Any]


def load_labelled(folder: Path, tracks: Sequence[FoldedTrack]) -> LabelledClips:
    """Clips of `tracks` in the store in `folder`.

    Raises
    ------
    PipelineError
        The store lacks one of the tracks.
    """
    genres = sorted({track.genre for track in tracks})
    with Store(folder) as store:
        missing = [track.track_id for track in tracks if track.track_id not in store]
        if missing:
            raise PipelineError(f"{folder} has no rows of {missing[0]} ({len(missing)} missing)")
        spans = [store.span(track.track_id) for track in tracks]
        clips = [span.stop - span.start for span in spans]
        numbers = np.concatenate([np.arange(span.start, span.stop) for span in spans])
        return LabelledClips(
            rows=StoredRows(folder, numbers),
            labels=np.repeat([genres.index(track.genre) for track in tracks], clips),
            folds=np.repeat([track.fold for track in tracks], clips),
            track_ids=np.repeat([track.track_id for track in tracks], clips),
            digests={track.track_id: store.digest(track.track_id) for track in tracks},
            genres=genres,
            description=store.description,
        )
