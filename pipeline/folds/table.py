"""The table data/folds.csv: the folds that test each labelled track; the others train on it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.files import FOLDS, digest, natural, read_rows, write_csv
from pipeline.base.types import STRICT, Natural
from pipeline.dataset.tracks import Track

FOLD_COLUMNS = ["track_id", "clip", "genre", "artist", "replica", "tested_in"]
# A column that is only written if it is needed, so that all other tables keep their digest.
LEFT_OUT_OF = "left_out_of"
SHORT = 12  # hexadecimal digits of a digest, enough to tell two runs apart

ProtocolName = Literal["song", "artist", "filtered", "given", "clip"]
Folds = Annotated[int, Field(ge=2, le=100)]


@strict_dataclass(frozen=True, config=STRICT)
class SplitParams:
    """Protocol and number of folds; `judge` and `seeds` are for a single split instead of folds.

    `group` names the column of metadata.csv whose values the protocol `artist` keeps apart. A genre
    with fewer usable tracks than `least_tracks` is left out; at 0, none may be.
    """

    protocol: ProtocolName
    group: Annotated[str, Field(min_length=1)]
    folds: Folds
    least_tracks: Natural
    judge: Literal["test", "valid"]
    seeds: Folds


@dataclass(frozen=True)
class FoldedTrack:
    """A labelled track, or one clip of it, and its folds.

    Attributes
    ----------
    clip : int or None
        Number of the clip where folds are cut by clip; None stands for all clips of the track.
    artist : str
        Filled only if folds keep artists apart; then inner validation does so, too.
    replica : str
        The first track id in its group of replicas; empty if it has no replica.
    tested_in : tuple of int
        Folds, or seeds, that test it; all others train on it.
    left_out_of : tuple of int
        Folds, or seeds, that do neither, because they test a replica of it.
    """

    track_id: str
    clip: int | None
    genre: str
    artist: str
    replica: str
    tested_in: tuple[int, ...]
    left_out_of: tuple[int, ...] = ()


def read_folds(path: Path = FOLDS) -> list[FoldedTrack]:
    """Read the tracks with their folds, sorted by track id and clip.

    Raises
    ------
    PipelineError
        The table is missing or damaged.
    """
    return read_rows(path, FOLD_COLUMNS, _folded)


def write_folds(tracks: Iterable[FoldedTrack], path: Path = FOLDS) -> None:
    """Write the table that `read_folds` reads."""
    rows = [_cells(track) for track in tracks]
    more = [LEFT_OUT_OF] if any(LEFT_OUT_OF in row for row in rows) else []
    write_csv(path, [*FOLD_COLUMNS, *more], rows)


def folds_of(tracks: Iterable[FoldedTrack]) -> list[int]:
    """Numbers of the folds, or seeds: those that test something."""
    return sorted({fold for track in tracks for fold in track.tested_in})


def sides(tracks: Iterable[FoldedTrack], fold: int) -> tuple[list[FoldedTrack], list[FoldedTrack]]:
    """Divide `tracks` into those that a fold trains on, and those that it tests."""
    training: list[FoldedTrack] = []
    test: list[FoldedTrack] = []
    for track in tracks:
        if fold not in track.left_out_of:
            (test if fold in track.tested_in else training).append(track)
    return training, test


def unassigned(tracks: Iterable[Track], replicas: Mapping[str, str]) -> list[FoldedTrack]:
    """Turn labelled tracks into rows without folds and artists."""
    return [
        FoldedTrack(track.track_id, None, track.genre, "", replicas.get(track.track_id, ""), ())
        for track in tracks
    ]


def with_artists(folded: Iterable[FoldedTrack], tracks: Iterable[Track]) -> list[FoldedTrack]:
    """Fill in the artists from `tracks`."""
    artists = {track.track_id: track.artist for track in tracks}
    return [replace(track, artist=artists[track.track_id]) for track in folded]


def _folded(row: Mapping[str, str]) -> FoldedTrack:
    return FoldedTrack(
        **{name: row[name] for name in ("track_id", "genre", "artist", "replica")},
        clip=natural(row["clip"]) if row["clip"] else None,
        tested_in=tuple(map(natural, row["tested_in"].split())),
        left_out_of=tuple(map(natural, row.get(LEFT_OUT_OF, "").split())),
    )


def _cells(track: FoldedTrack) -> dict[str, Any]:
    cells = {name: value for name, value in vars(track).items() if value != ()}
    return {
        name: " ".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in cells.items()
    }


def folds_digest() -> str:
    """Return the digest of the table of folds, which metrics/split.json and training.json have."""
    return _short_digest(FOLDS.read_text(encoding="utf-8"))


def dataset_digest(tracks: Sequence[Track]) -> str:
    """Return the digest of the labelled `tracks`: which they are, and the bytes of their files."""
    return _short_digest(*(f"{track.track_id} {track.sha256}" for track in tracks))


def _short_digest(*parts: str) -> str:
    """Return the first digits of the SHA-256 of several texts."""
    return digest(*parts)[:SHORT]
