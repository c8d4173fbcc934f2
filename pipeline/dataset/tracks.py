"""data/tracks.csv: one row for each file of the dataset, usable or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.paths import TRACKS
from pipeline.base.tables import natural, read_rows

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
        Empty for an unlabelled track.
    artist, split, fold : str
        From the dataset's metadata; empty where unknown.
    clips : int
        Number of its clips.
    sha256 : str
        Hash of its file.
    """

    track_id: str
    genre: str
    artist: str
    split: str
    fold: str
    clips: int
    sha256: str


def status_of(facts: Mapping[str, Any] | OSError) -> str:
    """The status of a file: from what decoding it gave, or from why it cannot be read."""
    if isinstance(facts, OSError):
        return f"{REJECTED}: {facts.strerror}"
    if "rejected" in facts:
        return f"{REJECTED}: {facts['rejected']}"
    return TRUNCATED if facts["truncated"] else OK


def read_tracks(path: Path = TRACKS) -> list[Track]:
    """Read the usable tracks, sorted by track id.

    Raises
    ------
    PipelineError
        The table is missing or damaged.
    """
    return [track for track in read_rows(path, COLUMNS, _track) if track]


def _track(row: Mapping[str, str]) -> Track | None:
    if row["status"].startswith(REJECTED):
        return None
    return Track(
        **{name: row[name] for name in ("track_id", "genre", "artist", "split", "fold")},
        clips=natural(row["clips"]),
        sha256=row["sha256"],
    )
