"""What is known of GTZAN's thousand tracks, beside this file in gtzan.csv.

- `artist` and `title`, empty where unknown: B. L. Sturm's index, "The GTZAN dataset: Its
  contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461, 2013;
  two artists who were spelt in two ways are spelt in one here.
- `split` (train, valid, test or excluded): the fault-filtered split of C. Kereliuk, B. L. Sturm
  and J. Larsen, "Deep Learning and Music Adversaries", IEEE Trans. Multimedia 17(11), 2015.
- `replica_of`: the track whose first five seconds are the same.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pipeline.base.tables import read_csv
from pipeline.dataset.artists import letters

TABLE = Path(__file__).with_name("gtzan.csv")
COLUMNS = ["track_id", "artist", "title", "split", "replica_of"]
EXCLUDED = "excluded"


@dataclass(frozen=True)
class Fact:
    """What is known of one track; empty where it is not."""

    artist: str
    title: str
    split: str
    replica_of: str


def read_facts() -> dict[str, Fact]:
    """Facts of all thousand tracks by track id (`blues/blues.00000`)."""
    rows = read_csv(TABLE, COLUMNS)
    return {row["track_id"]: Fact(*(row[name] for name in COLUMNS[1:])) for row in rows}


def gtzan_facts(labelled: Iterable[str]) -> dict[str, Fact]:
    """Facts of the `labelled` track ids, where all of them are GTZAN's; otherwise none."""
    facts, found = read_facts(), set(labelled)
    return {name: facts[name] for name in sorted(found)} if found <= facts.keys() else {}


def strangers(labelled: Iterable[str]) -> list[str]:
    """Of track ids most of which are GTZAN's, those that are not, sorted."""
    found, facts = set(labelled), read_facts()
    others = sorted(found - facts.keys())
    return others if 2 * len(others) < len(found) else []


def replica_pairs(facts: dict[str, Fact]) -> list[tuple[str, str]]:
    """Pairs of track ids that are known to be replicas, both of them among `facts`."""
    pairs = ((track_id, fact.replica_of) for track_id, fact in facts.items())
    return [pair for pair in pairs if pair[1] in facts]


def same_piece_pairs(facts: dict[str, Fact]) -> list[tuple[str, str]]:
    """Pairs of track ids of one artist and one title, whatever their case, spaces and signs."""
    pieces: dict[tuple[str, str], list[str]] = defaultdict(list)
    for track_id, fact in facts.items():
        artist, title = letters(fact.artist), letters(fact.title)
        if artist and title:
            pieces[artist, title].append(track_id)
    return [pair for track_ids in pieces.values() for pair in combinations(track_ids, 2)]
