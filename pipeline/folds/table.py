"""data/folds.csv: the part that each labelled track plays in each fold."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.paths import FOLDS
from pipeline.base.tables import read_csv, write_csv

FOLD_COLUMNS = ["track_id", "clip", "genre", "artist", "replica", "tested_in"]
# A column only where it says something: folds that leave nothing out keep their digest.
LEFT_OUT_OF = "left_out_of"


@dataclass(frozen=True)
class FoldedTrack:
    """A labelled track, or one clip of it, and the part that it plays in each fold.

    Attributes
    ----------
    clip : int or None
        Number of the clip, where folds are cut by clip; None: all clips of the track.
    artist : str
        Filled where folds keep artists apart; all that follows keeps them together.
    replica : str
        What it shares with its replicas: the first track id among them; empty without any.
    tested_in : tuple of int
        The folds, or seeds, in which it is tested; in every other one it trains.
    left_out_of : tuple of int
        Those in which it does neither, as they test a replica of it.
    """

    track_id: str
    clip: int | None
    genre: str
    artist: str
    replica: str
    tested_in: tuple[int, ...]
    left_out_of: tuple[int, ...] = ()


def read_folds(path: Path = FOLDS) -> list[FoldedTrack]:
    """What plays a part in the folds, sorted by track id and clip."""
    return [
        FoldedTrack(
            **{name: row[name] for name in ("track_id", "genre", "artist", "replica")},
            clip=int(row["clip"]) if row["clip"] else None,
            tested_in=tuple(map(int, row["tested_in"].split())),
            left_out_of=tuple(map(int, row.get(LEFT_OUT_OF, "").split())),
        )
        for row in read_csv(path, FOLD_COLUMNS)
    ]


def write_folds(tracks: Iterable[FoldedTrack], path: Path = FOLDS) -> None:
    """Write what `read_folds` reads."""
    rows = [_cells(track) for track in tracks]
    more = [LEFT_OUT_OF] if any(LEFT_OUT_OF in row for row in rows) else []
    write_csv(path, [*FOLD_COLUMNS, *more], rows)


def folds_of(tracks: Iterable[FoldedTrack]) -> list[int]:
    """Numbers of the folds, or seeds, of a table: those in which something is tested."""
    return sorted({fold for track in tracks for fold in track.tested_in})


def sides(tracks: Iterable[FoldedTrack], fold: int) -> tuple[list[FoldedTrack], list[FoldedTrack]]:
    """What trains in a fold, and what is tested in it."""
    training: list[FoldedTrack] = []
    test: list[FoldedTrack] = []
    for track in tracks:
        if fold not in track.left_out_of:
            (test if fold in track.tested_in else training).append(track)
    return training, test


def _cells(track: FoldedTrack) -> dict[str, Any]:
    cells = {name: value for name, value in vars(track).items() if value != ()}
    return {
        name: " ".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in cells.items()
    }
