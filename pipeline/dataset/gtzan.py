"""Facts about GTZAN's thousand tracks, from the table gtzan.csv beside this file.

- `artist` and `title`, empty where unknown: B. L. Sturm's index, "The GTZAN dataset: Its
  contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461, 2013.
  Two artists whose names it spells in two ways have one spelling here.
- `split` (train, valid, test or excluded): the fault-filtered split of C. Kereliuk, B. L. Sturm
  and J. Larsen, "Deep Learning and Music Adversaries", IEEE Trans. Multimedia 17(11), 2015.
- `replica_of`: the track whose first five seconds are the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.base.files import read_csv
from pipeline.dataset.tracks import normalise

TABLE = Path(__file__).with_name("gtzan.csv")
COLUMNS = ["track_id", "artist", "title", "split", "replica_of"]
EXCLUDED = "excluded"


@dataclass(frozen=True)
class Fact:
    """Facts about one track; unknown fields are empty."""

    artist: str
    title: str
    split: str
    replica_of: str


def read_facts() -> dict[str, Fact]:
    """Facts about all thousand tracks, by track id (`blues/blues.00000`)."""
    rows = read_csv(TABLE, COLUMNS)
    return {row["track_id"]: Fact(*(row[name] for name in COLUMNS[1:])) for row in rows}


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
