"""Which acoustic fingerprints are of the same recording, and how they line up.

Haitsma & Kalker (ISMIR 2002): two fingerprints that have one value in common are laid over each
other there, and are of one recording if enough of the bits are the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.base.arrays import Array
from pipeline.recordings.fingerprint import BITS, FRAMES_PER_SECOND, MUTE, Fingerprint

# The paper takes 0.65, and of 205 705 pairs of excerpts of different recordings, laid over each
# other in every way by 2 s or more, none agrees in more than 0.61 of the bits. But two pieces that
# machines play alike, as the demo's artists do, may agree in 0.7 for a few seconds; copies of 30 s
# agree in 0.76 or more, half of them in 0.93 (`benchmarks/replicas.py`).
LEAST_AGREEMENT = 0.75
LEAST_OVERLAP = 2 * FRAMES_PER_SECOND
# By chance one pair of frames in 10^8 is equal. A value that is more frequent than this says
# little; each of its frames is compared with so many that follow, so that time is bounded.
MOST_EQUAL = 100
PART = 2**22  # frames that are sorted at a time


@dataclass(frozen=True)
class Match:
    """Two fingerprints of one recording.

    Attributes
    ----------
    first, second : int
        Their numbers; first < second.
    agreement : float
        Share of equal bits in the frames in which both say something.
    frames : int
        Number of these.
    offset : int
        Frame of the first with which the second begins; negative if the second begins earlier.
    """

    first: int
    second: int
    agreement: float
    frames: int
    offset: int


def find_matches(fingerprints: Sequence[Fingerprint]) -> list[Match]:
    """All pairs of the same recording, sorted by number.

    Parameters
    ----------
    fingerprints : sequence of uint32 arrays, shape (frames,)

    Returns
    -------
    list of Match
        One for each pair, aligned where most is the same. A pair is found if it has a value in
        common in one place at least, and overlaps by LEAST_OVERLAP frames.
    """
    best: dict[tuple[int, int], Match] = {}
    for first, second, offset in common_values(fingerprints):
        agreement, frames = compare(fingerprints[first], fingerprints[second], offset)
        if frames >= LEAST_OVERLAP and agreement >= LEAST_AGREEMENT:
            match = Match(first, second, agreement, frames, offset)
            best[first, second] = max(match, best.get((first, second), match), key=_evidence)
    return [best[pair] for pair in sorted(best)]


def _evidence(match: Match) -> tuple[float, int, int]:
    # Chance alone makes half of the bits equal. What repeats itself fits in several places: then
    # the one with the least offset.
    return match.frames * (match.agreement - 0.5), -abs(match.offset), match.offset


def compare(first: Fingerprint, second: Fingerprint, offset: int) -> tuple[float, int]:
    """Lay two fingerprints over each other.

    Parameters
    ----------
    first, second : uint32 array, shape (frames,), each of its own length
    offset : int
        Frame of the first with which the second begins; negative if the second begins earlier.

    Returns
    -------
    agreement : float
        Share of equal bits in the frames in which both say something; 0 without any.
    frames : int
        Number of these.
    """
    first, second = first[max(offset, 0) :], second[max(-offset, 0) :]
    frames = min(len(first), len(second))
    first, second = first[:frames], second[:frames]
    differing = (first ^ second)[(first != MUTE) & (second != MUTE)]
    bits = BITS * len(differing)
    errors = int(np.count_nonzero(np.unpackbits(differing.view(np.uint8))))
    return (1 - errors / bits if bits else 0.0), len(differing)


def common_values(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Each (first, second, offset) at which two fingerprints have a value in common, some again."""
    starts = np.cumsum([0, *map(len, fingerprints)])
    for positions in _equal_frames(np.concatenate([np.empty(0, np.uint32), *fingerprints])):
        tracks = np.searchsorted(starts, positions, side="right") - 1
        places = positions - starts[tracks]
        hits = np.stack([*tracks, places[0] - places[1]], axis=1)[tracks[0] != tracks[1]]
        yield from map(tuple, np.unique(hits, axis=0).tolist())


def _equal_frames(values: Array) -> Iterator[Array]:
    """Positions of equal values, the earlier above the later, shape (2, n), some at a time."""
    parts = np.uint32(1 + len(values) // PART)
    for part in range(parts):
        chosen = np.flatnonzero((values % parts == part) & (values != MUTE))
        chosen = chosen[np.argsort(values[chosen], kind="stable")]
        ordered = values[chosen]
        for lag in range(1, MOST_EQUAL + 1):
            same = np.flatnonzero(ordered[lag:] == ordered[:-lag])
            if not len(same):
                break
            yield np.stack([chosen[same], chosen[same + lag]])
