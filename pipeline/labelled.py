"""The labelled clips of a feature store, in one array, with what is known of each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import PipelineError
from pipeline.store import Store
from pipeline.tracks import FoldedTrack


@dataclass(frozen=True)
class LabelledClips:
    """Rows of all labelled clips.

    Attributes
    ----------
    rows : array, shape (n, ...)
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

    rows: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]
    track_ids: npt.NDArray[np.str_]
    digests: dict[str, str]
    genres: list[str]
    description: dict[str, Any]


def load_labelled(folder: Path, tracks: Sequence[FoldedTrack]) -> LabelledClips:
    """Rows of `tracks` from the store in `folder`.

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
        clips = [store.clips(track.track_id) for track in tracks]
        return LabelledClips(
            rows=store.read(track.track_id for track in tracks),
            labels=np.repeat([genres.index(track.genre) for track in tracks], clips),
            folds=np.repeat([track.fold for track in tracks], clips),
            track_ids=np.repeat([track.track_id for track in tracks], clips),
            digests={track.track_id: store.digest(track.track_id) for track in tracks},
            genres=genres,
            description=store.description,
        )
