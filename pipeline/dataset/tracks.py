"""The tracks of a dataset, their artists and copies: data/tracks.csv, data/replicas.csv, GTZAN.

gtzan.csv, beside this file, has the facts that are known about GTZAN's thousand tracks:

- `artist` and `title`, empty where unknown: B. L. Sturm's index, "The GTZAN dataset: Its
  contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461, 2013.
  Two artists whose names it spells in two ways have one spelling here.
- `split` (train, valid, test or excluded): the fault-filtered split of C. Kereliuk, B. L. Sturm
  and J. Larsen, "Deep Learning and Music Adversaries", IEEE Trans. Multimedia 17(11), 2015.
- `replica_of`: the track whose first five seconds are the same.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
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
GTZAN_TABLE = Path(__file__).with_name("gtzan.csv")
GTZAN_COLUMNS = ["track_id", "artist", "title", "split", "replica_of"]
EXCLUDED = "excluded"


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
    return "; ".join(facts["marks"]) or OK


def read_tracks(path: Path = TRACKS) -> list[Track]:
    """Read the usable tracks, sorted by track id.

    Raises
    ------
    PipelineError
        The table is missing or damaged.
    """
    return [track for track in read_rows(path, COLUMNS, _track) if track]


def read_statuses(path: Path = TRACKS) -> list[tuple[str, str]]:
    """Read the genre and the status of each file, whether it is usable or not."""
    return [(row["genre"], row["status"]) for row in read_csv(path, COLUMNS)]


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


@dataclass(frozen=True)
class Fact:
    """Facts about one track; unknown fields are empty."""

    artist: str
    title: str
    split: str
    replica_of: str


def read_facts() -> dict[str, Fact]:
    """Facts about all thousand tracks, by track id (`blues/blues.00000`)."""
    rows = read_csv(GTZAN_TABLE, GTZAN_COLUMNS)
    return {row["track_id"]: Fact(*(row[name] for name in GTZAN_COLUMNS[1:])) for row in rows}


def gtzan_facts(track_ids: Iterable[str]) -> dict[str, Fact]:
    """Facts about tracks, by sorted track id, if all of them are GTZAN's; otherwise none."""
    facts, names = read_facts(), set(track_ids)
    return {name: facts[name] for name in sorted(names)} if names <= facts.keys() else {}


def foreign_tracks(track_ids: Iterable[str]) -> list[str]:
    """Sorted ids of the tracks that are not GTZAN's, if more than half of all tracks are."""
    facts, names = read_facts(), set(track_ids)
    foreign = sorted(names - facts.keys())
    return foreign if 2 * len(foreign) < len(names) else []


def replica_pairs(facts: dict[str, Fact]) -> list[tuple[str, str]]:
    """Pairs of track ids that are known to be replicas, if both are among `facts`."""
    pairs = ((track_id, fact.replica_of) for track_id, fact in facts.items())
    return [pair for pair in pairs if pair[1] in facts]


def same_piece_pairs(facts: dict[str, Fact]) -> list[tuple[str, str]]:
    """Pairs of track ids with the same artist and title, compared as normalised names."""
    pieces: dict[tuple[str, str], list[str]] = defaultdict(list)
    for track_id, fact in facts.items():
        artist, title = normalise(fact.artist), normalise(fact.title)
        if artist and title:
            pieces[artist, title].append(track_id)
    return [pair for track_ids in pieces.values() for pair in combinations(track_ids, 2)]


def with_gtzan_artists(
    known: Mapping[str, dict[str, str]], facts: Mapping[str, Fact]
) -> dict[str, dict[str, str]]:
    """Return `known` with the artists of GTZAN's `facts` where it names none."""
    filled = dict(known)
    for track_id, fact in facts.items():
        cells = known.get(track_id, {})
        filled[track_id] = {**cells, "artist": cells.get("artist") or fact.artist}
    return filled
