"""Which tracks belong together, so that no fold may separate them."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from scipy.cluster.hierarchy import DisjointSet

from pipeline.dataset.artists import artists_by_credit
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
    """Whether artists are known, and no fold tests an artist that it trains on."""
    artists = artists_by_credit(track.artist for track in tracks)
    for fold in folds_of(tracks):
        training, test = (
            {artist for track in side for artist in artists.get(track.artist, ())}
            for side in sides(tracks, fold)
        )
        if training & test:
            return False
    return bool(artists)


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
