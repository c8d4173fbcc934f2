"""The tracks of a dataset, their artists and replicas: data/tracks.csv and data/replicas.csv."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.files import REPLICAS, TRACKS, natural, read_csv, read_rows
from pipeline.base.types import STRICT

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
REPLICA_COLUMNS = [
    "track_id",
    "same_as",
    "kind",
    "agreement",
    "offset_seconds",
    "genre",
    "same_as_genre",
]
# What joins the names of several artists in one credit.
JOINT = re.compile(r",| and | & | feat\.? | featuring | with | vs\.? ", re.IGNORECASE)


def _without_home(path: str) -> str:
    if path.startswith("~"):
        raise ValueError("should not start with ~, which DVC does not know; write the whole path")
    return path


@strict_dataclass(frozen=True, config=STRICT)
class DatasetParams:
    """Path of the dataset folder."""

    path: Annotated[str, Field(min_length=1), AfterValidator(_without_home)]

    @property
    def folder(self) -> Path:
        """The folder."""
        return Path(self.path)


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


def read_replica_pairs(path: Path = REPLICAS) -> list[tuple[str, str]]:
    """Read the pairs of track ids of the same recording."""
    rows = read_csv(path, ["track_id", "same_as"])
    return [(row["track_id"], row["same_as"]) for row in rows]


def normalise(name: str) -> str:
    """Remove case, spaces and punctuation from a name, unless it has nothing else."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def artists_by_credit(names: Iterable[str]) -> dict[str, set[str]]:
    """Normalised names of the artists behind each of the credits `names`; empty ones are left out.

    Every credit counts as one artist. `A and B`, `A, B & C` or `A feat. B` also counts for those
    of its parts that occur as a credit by themselves, which leaves bands with such names alone.
    """
    known = {name: normalise(name) for name in names if name}
    single = set(known.values())
    return {
        name: {artist} | {normalise(part) for part in JOINT.split(name)} & single
        for name, artist in known.items()
    }


def _track(row: Mapping[str, str]) -> Track | None:
    if row["status"].startswith(REJECTED):
        return None
    return Track(
        **{name: row[name] for name in ("track_id", "genre", "artist", "split", "fold")},
        clips=natural(row["clips"]),
        sha256=row["sha256"],
    )
