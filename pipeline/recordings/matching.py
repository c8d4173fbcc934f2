"""Find the tracks that are the same recording: by equal samples, and by their fingerprints.

Haitsma & Kalker (ISMIR 2002): two fingerprints that have a value in common are aligned there, and
come from the same recording if enough of their bits agree.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.types import Array
from pipeline.recordings.fingerprint import (
    BITS,
    FRAMES_PER_SECOND,
    MUTE,
    Fingerprint,
    FingerprintTrack,
)
from pipeline.store.build import build_store, jobs_of
from pipeline.store.store import Store

# The paper takes 0.65. Of 205 705 pairs of excerpts of different recordings, aligned in every way
# with an overlap of at least 2 s, none agrees in more than 0.61 of the bits. But two pieces that
# are synthesised alike, as by the demo's artists, may agree in 0.7 for a few seconds. Copies of
# 30 s agree in at least 0.76, and half of them in at least 0.93 (`benchmarks/replicas.py`).
LEAST_AGREEMENT = 0.75
LEAST_OVERLAP = 2 * FRAMES_PER_SECOND
# By chance, one pair of frames in 10^8 is equal, so a value that occurs more often than this says
# little. Each frame is compared with at most this many later ones, which bounds the time.
MOST_EQUAL = 100
PART = 2**22  # frames sorted at a time
EXACT, NEAR = "exact", "near"

Row = dict[str, Any]


@dataclass(frozen=True)
class Match:
    """Two fingerprints of the same recording.

    Attributes
    ----------
    first, second : int
        Their indices; first < second.
    agreement : float
        Share of equal bits in the frames that are mute in neither.
    frames : int
        Number of these frames.
    offset : int
        Frame of the first at which the second begins; negative if the second begins earlier.
    """

    first: int
    second: int
    agreement: float
    frames: int
    offset: int


def write_fingerprints(clips: Path, folder: Path) -> None:
    """Compute the fingerprint of every track in the store `clips`, and write the store `folder`."""
    with Store(clips) as store:
        recipe = FingerprintTrack(store.description["sample_rate"])
        template = partial(recipe.template, store.shape[1])
        description = {**store.description, "name": "fingerprint", "unit": "32 signs"}
    build_store(folder, description, template, jobs_of(clips), recipe)


def find_replicas(
    digests: Mapping[str, str], fingerprint_of: Callable[[str], Fingerprint]
) -> list[Row]:
    """Find all pairs of tracks that are the same recording.

    Parameters
    ----------
    digests : mapping of track id to str
        Equal for tracks whose clips are bit for bit the same.
    fingerprint_of : callable
        Gives the fingerprint of a track id, shape (frames,).

    Returns
    -------
    list of dict
        Rows of data/replicas.csv, sorted, without the genres.
    """
    groups = same_samples(digests)
    matches = find_matches([fingerprint_of(group[0]) for group in groups])
    rows = [*exact_rows(groups), *(row for match in matches for row in _near(groups, match))]
    return sorted(rows, key=lambda row: (row["track_id"], row["same_as"]))


def same_samples(digests: Mapping[str, str]) -> list[list[str]]:
    """Sorted track ids, those with equal digests together."""
    same: dict[str, list[str]] = defaultdict(list)
    for track_id in sorted(digests):
        same[digests[track_id]].append(track_id)
    return list(same.values())


def exact_rows(groups: Sequence[Sequence[str]]) -> Iterator[Row]:
    """A row for each pair of tracks of the same group."""
    for group in groups:
        for track_id, same_as in combinations(group, 2):
            yield _row(track_id, same_as, EXACT, 1.0, 0)


def is_across_genres(row: Row) -> bool:
    """Return whether both tracks of a pair are labelled, and with two genres."""
    return len({row["genre"], row["same_as_genre"]} - {""}) == 2


def count_pairs(rows: Sequence[Row], tracks: int) -> dict[str, int]:
    """Count the pairs among so many `tracks` for metrics/replicas.json."""
    return {
        "tracks": tracks,
        "exact_pairs": sum(row["kind"] == EXACT for row in rows),
        "near_pairs": sum(row["kind"] == NEAR for row in rows),
        "pairs_across_genres": sum(map(is_across_genres, rows)),
        "tracks_with_replica": len({row[name] for row in rows for name in ("track_id", "same_as")}),
    }


def find_matches(fingerprints: Sequence[Fingerprint]) -> list[Match]:
    """Find all pairs of fingerprints of the same recording, sorted by index.

    Parameters
    ----------
    fingerprints : sequence of uint32 arrays, shape (frames,)

    Returns
    -------
    list of Match
        One for each pair, at the alignment with the strongest evidence. A pair is found only if
        it has a value in common somewhere, and overlaps by at least LEAST_OVERLAP frames.
    """
    best: dict[tuple[int, int], Match] = {}
    for first, second, offset in common_values(fingerprints):
        agreement, frames = compare(fingerprints[first], fingerprints[second], offset)
        if frames >= LEAST_OVERLAP and agreement >= LEAST_AGREEMENT:
            match = Match(first, second, agreement, frames, offset)
            best[first, second] = max(match, best.get((first, second), match), key=_evidence)
    return [best[pair] for pair in sorted(best)]


def compare(first: Fingerprint, second: Fingerprint, offset: int) -> tuple[float, int]:
    """Compare two fingerprints at a given offset.

    Parameters
    ----------
    first, second : uint32 array, shape (frames,), of any length
    offset : int
        Frame of the first at which the second begins; negative if the second begins earlier.

    Returns
    -------
    agreement : float
        Share of equal bits in the frames that are mute in neither; 0 if there are none.
    frames : int
        Number of these frames.
    """
    first, second = first[max(offset, 0) :], second[max(-offset, 0) :]
    frames = min(len(first), len(second))
    first, second = first[:frames], second[:frames]
    differing = (first ^ second)[(first != MUTE) & (second != MUTE)]
    bits = BITS * len(differing)
    errors = int(np.count_nonzero(np.unpackbits(differing.view(np.uint8))))
    return (1 - errors / bits if bits else 0.0), len(differing)


def common_values(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Yield each (first, second, offset) with a value in common, some of them repeatedly."""
    starts = np.cumsum([0, *map(len, fingerprints)])
    for positions in _equal_frames(np.concatenate([np.empty(0, np.uint32), *fingerprints])):
        tracks = np.searchsorted(starts, positions, side="right") - 1
        places = positions - starts[tracks]
        hits = np.stack([*tracks, places[0] - places[1]], axis=1)[tracks[0] != tracks[1]]
        yield from map(tuple, np.unique(hits, axis=0).tolist())


def _near(groups: Sequence[Sequence[str]], match: Match) -> Iterator[Row]:
    # The first tracks of two groups are in order, but later ones need not be.
    for first, second in product(groups[match.first], groups[match.second]):
        if first < second:
            yield _row(first, second, NEAR, match.agreement, match.offset)
        else:
            yield _row(second, first, NEAR, match.agreement, -match.offset)


def _row(track_id: str, same_as: str, kind: str, agreement: float, offset: int) -> Row:
    return {
        "track_id": track_id,
        "same_as": same_as,
        "kind": kind,
        "agreement": agreement,
        "offset_seconds": offset / FRAMES_PER_SECOND,
    }


def _evidence(match: Match) -> tuple[float, int, int]:
    # Half of the bits are equal by chance. Music that repeats itself fits at several offsets: the
    # smallest one is taken.
    return match.frames * (match.agreement - 0.5), -abs(match.offset), match.offset


def _equal_frames(values: Array) -> Iterator[Array]:
    """Yield the positions of pairs of equal values, shape (2, n), the earlier ones first."""
    parts = np.uint32(1 + len(values) // PART)
    blocks = [(start, values[start : start + PART]) for start in range(0, len(values), PART)]
    for part in range(parts):
        places = (
            start + np.flatnonzero((block % parts == part) & (block != MUTE))
            for start, block in blocks
        )
        chosen = np.concatenate([np.empty(0, int), *places])
        chosen = chosen[np.argsort(values[chosen], kind="stable")]
        ordered = values[chosen]
        for lag in range(1, MOST_EQUAL + 1):
            same = np.flatnonzero(ordered[lag:] == ordered[:-lag])
            if not len(same):
                break
            yield np.stack([chosen[same], chosen[same + lag]])
