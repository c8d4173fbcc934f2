"""The labelled clips of a feature store: their labels and folds, and their rows on demand."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES, FOLDS, TRACKS
from pipeline.base.types import Array
from pipeline.dataset.tracks import read_tracks
from pipeline.folds.groups import groups
from pipeline.folds.table import FoldedTrack, folds_of, read_folds
from pipeline.store.addresses import ROOT
from pipeline.store.store import Store, StoredRows


@dataclass(frozen=True)
class LabelledClips:
    """The labelled clips of a feature store.

    Attributes
    ----------
    rows : StoredRows, shape (n, ...)
        In the dtype of the store; read when indexed.
    labels : int array, shape (n,)
        Index into `genres`.
    tested : bool array, shape (folds, n)
        Whether a fold tests the row.
    tracks : list of FoldedTrack
    owners : int array, shape (n,)
        Index of each row's track in `tracks`; ascending.
    digests : dict of str to str
        Hash of each track's rows.
    genres : list of str
        Sorted.
    description : dict
        That of the store.
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
        """Track id of each row."""
        return np.array([track.track_id for track in self.tracks])[self.owners]

    @property
    def clip_numbers(self) -> npt.NDArray[np.int64]:
        """Number of each row's clip within its track."""
        first = np.searchsorted(self.owners, self.owners)  # owners ascend
        numbered = np.array([track.clip or 0 for track in self.tracks])
        return np.arange(len(self.owners)) - first + numbered[self.owners]

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """Group of each row, which a bootstrap draws together.

        Folds by clip separate the clips of a track, but these still tend to be right together.
        """
        return self.track_ids if self.by_clip else np.array(groups(self.tracks))[self.owners]

    @property
    def by_clip(self) -> bool:
        """Whether folds are cut by clip, and therefore leak."""
        return any(track.clip is not None for track in self.tracks)

    def rows_of(self, tracks: Collection[FoldedTrack]) -> npt.NDArray[np.int64]:
        """Sorted numbers of the rows of some `tracks`."""
        chosen = set(tracks)
        return np.flatnonzero(np.array([track in chosen for track in self.tracks])[self.owners])

    def tracks_of(self, rows: npt.NDArray[np.int64]) -> list[FoldedTrack]:
        """The tracks that some `rows` belong to, in order."""
        return [self.tracks[owner] for owner in np.unique(self.owners[rows])]


def load_labelled(folder: Path, tracks: Sequence[FoldedTrack]) -> LabelledClips:
    """Find the clips of `tracks` in the store `folder`.

    Raises
    ------
    PipelineError
        The store lacks one of the tracks or clips.
    """
    genres = sorted({track.genre for track in tracks})
    with Store(folder) as store:
        missing = [track.track_id for track in tracks if track.track_id not in store]
        if missing:
            raise PipelineError(
                f"{folder} has no rows of {missing[0]} (missing tracks: {len(missing)}); "
                "run `dvc repro`"
            )
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


def load_features(
    name: str, folder: str | os.PathLike[str] = ROOT
) -> tuple[Array, dict[str, Array]]:
    """Load a feature of all labelled clips, and what each of its rows is.

    Parameters
    ----------
    name : str
        Such as "mel".
    folder : path-like
        The repository whose stages have run; by default the one that this code is in.

    Returns
    -------
    rows : array, shape (n, ...)
        In the dtype of the store.
    columns : dict of str to array, shape (n,)
        As `pandas.DataFrame(columns)` takes them: `track_id`, `genre`, `artist` (empty where it is
        unknown), `clip` (from 0 in its track) and `fold`, the first that tests it (-1: none does).
    """
    root = Path(folder)
    clips = load_labelled(root / FEATURE_STORES / name, read_folds(root / FOLDS))
    artists = {track.track_id: track.artist for track in read_tracks(root / TRACKS)}
    track_ids = clips.track_ids
    columns = {
        "track_id": track_ids,
        "genre": np.array(clips.genres)[clips.labels],
        "artist": np.array([artists[track_id] for track_id in track_ids.tolist()]),
        "clip": clips.clip_numbers,
        "fold": np.where(clips.tested.any(axis=0), clips.tested.argmax(axis=0), -1),
    }
    return clips.rows[np.arange(len(track_ids))], columns


def _numbers(store: Store, track: FoldedTrack) -> npt.NDArray[np.int64]:
    span = store.span(track.track_id)
    numbers = np.arange(span.start, span.stop)
    if track.clip is None:
        return numbers
    if track.clip >= len(numbers):
        raise PipelineError(
            f"{track.track_id} has {len(numbers)} clips in the store, so there is no clip "
            f"{track.clip}; run `dvc repro`"
        )
    return numbers[track.clip : track.clip + 1]
