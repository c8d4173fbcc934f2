"""data/tracks.csv, replicas.csv and folds.csv, the tables that tie the stages together."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.tables import read_csv, write_csv

TRACKS = Path("data/tracks.csv")
REPLICAS = Path("data/replicas.csv")
FOLDS = Path("data/folds.csv")
COLUMNS = [
    "track_id",
    "genre",
    "artist",
    "sha256",
    "seconds",
    "sample_rate",
    "channels",
    "clips",
    "status",
]
REPLICA_COLUMNS = [
    "track_id",
    "same_as",
    "kind",
    "agreement",
    "offset_seconds",
    "genre",
    "same_as_genre",
]
FOLD_COLUMNS = ["track_id", "genre", "fold"]

OK = "ok"
TRUNCATED = "truncated"
REJECTED = "rejected"


@dataclass(frozen=True)
class Track:
    """A usable track; `genre` is empty where it is to be predicted."""

    track_id: str
    genre: str
    artist: str


@dataclass(frozen=True)
class FoldedTrack:
    """A labelled track and the fold in which it is tested."""

    track_id: str
    genre: str
    fold: int


def read_tracks(path: Path = TRACKS) -> list[Track]:
    """Usable tracks, sorted by track id."""
    rows = read_csv(path, COLUMNS)
    return [
        Track(row["track_id"], row["genre"], row["artist"])
        for row in rows
        if not row["status"].startswith(REJECTED)
    ]


def read_folds(path: Path = FOLDS) -> list[FoldedTrack]:
    """Labelled tracks with their folds, sorted by track id."""
    return [
        FoldedTrack(row["track_id"], row["genre"], int(row["fold"]))
        for row in read_csv(path, FOLD_COLUMNS)
    ]


def write_folds(tracks: list[FoldedTrack], path: Path = FOLDS) -> None:
    """Write what `read_folds` reads."""
    write_csv(path, FOLD_COLUMNS, (vars(track) for track in tracks))
