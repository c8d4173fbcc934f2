"""Which tracks are the same recording: those with equal samples, and those that sound alike."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from pipeline.recordings.fingerprint import FRAMES_PER_SECOND, Fingerprint
from pipeline.recordings.matching import Match, find_matches

EXACT, NEAR = "exact", "near"

Row = dict[str, Any]


def find_replicas(
    digests: Mapping[str, str], fingerprint_of: Callable[[str], Fingerprint]
) -> list[Row]:
    """Find all pairs of tracks that are the same recording; sorted rows without the genres.

    Parameters
    ----------
    digests : mapping of track id to str
        Equal for tracks whose clips are bit for bit the same.
    fingerprint_of : callable
        Gives the fingerprint of a track id, shape (frames,).
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
