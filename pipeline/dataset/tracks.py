"""data/tracks.csv: a row for every file of the dataset, and the usable tracks among them."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.base.paths import TRACKS
from pipeline.base.tables import read_csv

COLUMNS = [
    "track_id",
    "genre",
    "artist",
    "split",
    "fold",
    "sha256",
    "seconds",
    "sample_rate",
    "channels",
    "clips",
    "status",
]
OK = "ok"
TRUNCATED = "truncated"
REJECTED = "rejected"


@dataclass(frozen=True)
class Track:
    """A usable track.

    Attributes
    ----------
    genre : str
        Empty where it is to be predicted.
    artist, split, fold : str
        What metadata says, empty where it says nothing.
    clips : int
        How many it has.
    sha256 : str
        Of its file.
    """

    track_id: str
    genre: str
    artist: str
    split: str
    fold: str
    clips: int
    sha256: str


def read_tracks(path: Path = TRACKS) -> list[Track]:
    """Usable tracks, sorted by track id."""
    return [
        Track(
            **{name: row[name] for name in ("track_id", "genre", "artist", "split", "fold")},
            clips=int(row["clips"]),
            sha256=row["sha256"],
        )
        for row in read_csv(path, COLUMNS)
        if not row["status"].startswith(REJECTED)
    ]
