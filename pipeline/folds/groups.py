"""Groups of tracks that no fold may separate, and the inner validation part, drawn by group."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from pipeline.base.errors import FoldError
from pipeline.dataset.tracks import artists_by_credit
from pipeline.folds.table import FoldedTrack, folds_of, sides


def groups(tracks: Sequence[FoldedTrack]) -> list[str]:
    """Name the group of each track: the tracks that share artists or replicas, even indirectly.

    Returns
    -------
    list of str, length n
        Connected components over artist and replica, each named after its first artist or else
        its first track id. Where folds are cut by clip, each clip is a group.
    """
    keys = [(track.track_id, track.clip) for track in tracks]
    artists = artists_by_credit(track.artist for track in tracks)
    links: list[tuple[Hashable, Hashable]] = []
    for key, track in zip(keys, tracks, strict=True):
        ties = [("artist", artist) for artist in artists.get(track.artist, ())]
        ties += [("replica", track.replica)] if track.replica else []
        links += [(key, key), *((key, tie) for tie in ties)]
    component = _components(links)
    names: dict[Hashable, tuple[bool, str]] = {}
    for key, track in zip(keys, tracks, strict=True):
        name = (not track.artist, track.artist or _track_name(track))
        names[component[key]] = min(name, names.get(component[key], name))
    return [names[component[key]][1] for key in keys]


def replica_groups(track_ids: Iterable[str], pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """First track id of the replica group of each of `track_ids` that has a replica among them.

    A replica of a replica is in the same group, even if the one between is not in `track_ids`.
    """
    component = _components(pairs)
    members: dict[Hashable, list[str]] = defaultdict(list)
    for track_id in sorted(name for name in set(track_ids) if name in component):
        members[component[track_id]].append(track_id)
    return {track: names[0] for names in members.values() if len(names) > 1 for track in names}


def keeps_artists_apart(tracks: Sequence[FoldedTrack]) -> bool:
    """Return whether artists are known, and no fold tests one that it trains on."""
    artists = artists_by_credit(track.artist for track in tracks)
    for fold in folds_of(tracks):
        training, test = (
            {artist for track in side for artist in artists.get(track.artist, ())}
            for side in sides(tracks, fold)
        )
        if training & test:
            return False
    return bool(artists)


def inner_validation(tracks: Sequence[FoldedTrack], share: float, seed: int) -> set[FoldedTrack]:
    """Draw the tracks to validate on: whole groups, about `share` of each genre.

    Of each genre, at least one group is drawn and at least one is not. None is drawn of a genre
    that has a single group, which is an error unless tracks are grouped by artist.

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
        """Keep a group, unless it is kept already, or the last one to train on in a genre."""
        if group in self.kept or any(self._left[genre] == 1 for genre in self._genres[group]):
            return False
        for genre in self._genres[group]:
            self._left[genre] -= 1
        self.kept.add(group)
        return True


def _track_name(track: FoldedTrack) -> str:
    return track.track_id if track.clip is None else f"{track.track_id}#{track.clip}"


def _components(links: Iterable[tuple[Hashable, Hashable]]) -> dict[Hashable, Hashable]:
    """Map each node to a representative of its connected component."""
    sets = DisjointSet()
    for first, second in links:
        sets.add(first)
        sets.add(second)
        sets.merge(first, second)
    return {node: sets[node] for node in sets}
