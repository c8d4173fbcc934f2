"""The inner validation part of a fold: whole groups of its training tracks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.folds.errors import FoldError
from pipeline.folds.groups import groups
from pipeline.folds.table import FoldedTrack


def inner_validation(tracks: Sequence[FoldedTrack], share: float, seed: int) -> set[FoldedTrack]:
    """Draw the tracks to validate on: whole groups, about `share` of each genre.

    Of each genre, at least one group validates and at least one trains. A genre that has a single
    group validates nothing if tracks are grouped by artist; otherwise it is an error.

    Raises
    ------
    FoldError
        A genre has a single group; or, if tracks are grouped by artist, all genres do.
    """
    names = groups(tracks)
    choice = _Choice(zip(names, (track.genre for track in tracks), strict=True))
    rng = np.random.default_rng(seed)
    by_artist = any(track.artist for track in tracks)
    for genre in sorted(choice.sizes):
        choice.keep(genre, share, rng)
        if choice.kept.isdisjoint(choice.sizes[genre]) and not by_artist:
            raise FoldError(
                f"genre {genre!r} has one training track, counting replicas as one; training and "
                "validation need one each"
            )
    if not choice.kept:
        raise FoldError(
            "no genre has two artists in training; training and validation need one each"
        )
    return {track for name, track in zip(names, tracks, strict=True) if name in choice.kept}


class _Choice:
    """The groups kept for validation, such that every genre has at least one that is not."""

    def __init__(self, grouped: Iterable[tuple[str, str]]) -> None:
        self.kept: set[str] = set()
        self.sizes: dict[str, Counter[str]] = defaultdict(Counter)  # genre -> group -> tracks
        self._genres: dict[str, set[str]] = defaultdict(set)  # of a group
        for group, genre in grouped:
            self.sizes[genre][group] += 1
            self._genres[group].add(genre)
        self._left = {genre: len(sizes) for genre, sizes in self.sizes.items()}

    def keep(self, genre: str, share: float, rng: np.random.Generator) -> None:
        """Keep random groups as far as they fit into `share`; if none fits, the smallest."""
        sizes = self.sizes[genre]
        goal = max(1, round(share * sizes.total()))
        room = goal - sum(sizes[group] for group in self.kept)
        for group in rng.permutation(sorted(sizes)).tolist():
            if sizes[group] <= room and self._add(group):
                room -= sizes[group]
        if self.kept.isdisjoint(sizes):
            any(self._add(group) for group in sorted(sizes, key=lambda group: sizes[group]))

    def _add(self, group: str) -> bool:
        """Keep a group, unless it is kept already or is the last one left to train for a genre."""
        if group in self.kept or any(self._left[genre] == 1 for genre in self._genres[group]):
            return False
        for genre in self._genres[group]:
            self._left[genre] -= 1
        self.kept.add(group)
        return True
