"""Which tracks belong together, so that no fold may separate them."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from pipeline.dataset.artists import credited
from pipeline.folds.table import FoldedTrack, folds_of, sides


def groups(tracks: Sequence[FoldedTrack]) -> list[str]:
    """Name of the group that each track belongs to: its artists' tracks and its replicas.

    Returns
    -------
    list of str, length n
        Connected components over artist and replica, named by their first artist or else by
        their first track id. A track that is given by clips is a group a clip.
    """
    keys = [(track.track_id, track.clip) for track in tracks]
    artists = credited(track.artist for track in tracks)
    links: list[tuple[Hashable, Hashable]] = []
    for key, track in zip(keys, tracks, strict=True):
        ties = [("artist", artist) for artist in artists.get(track.artist, ())]
        ties += [("replica", track.replica)] if track.replica else []
        links += [(key, key), *((key, tie) for tie in ties)]
    component = _components(links)
    names: dict[Hashable, tuple[bool, str]] = {}
    for key, track in zip(keys, tracks, strict=True):
        name = (not track.artist, track.artist or _own_name(track))
        names[component[key]] = min(name, names.get(component[key], name))
    return [names[component[key]][1] for key in keys]


def replica_groups(track_ids: Iterable[str], pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """First track id of the replica group of each of `track_ids` that has a replica among them.

    A replica's replica is one too, even through a track that is not among `track_ids`.
    """
    component = _components(pairs)
    members: dict[Hashable, list[str]] = defaultdict(list)
    for track_id in sorted(name for name in set(track_ids) if name in component):
        members[component[track_id]].append(track_id)
    return {track: names[0] for names in members.values() if len(names) > 1 for track in names}


def artists_apart(tracks: Sequence[FoldedTrack]) -> bool:
    """Whether artists are known, and no fold is trained on one and tested on the same."""
    artists = credited(track.artist for track in tracks)
    for fold in folds_of(tracks):
        training, test = (
            {artist for track in side for artist in artists.get(track.artist, ())}
            for side in sides(tracks, fold)
        )
        if training & test:
            return False
    return bool(artists)


def _own_name(track: FoldedTrack) -> str:
    return track.track_id if track.clip is None else f"{track.track_id}#{track.clip}"


def _components(links: Iterable[tuple[Hashable, Hashable]]) -> dict[Hashable, Hashable]:
    """A representative of the connected component of everything that is linked."""
    parent: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]  # shortens the way, or it would grow with n
            node = parent[node]
        return node

    for first, second in links:
        parent[root(first)] = root(second)
    return {node: root(node) for node in list(parent)}
