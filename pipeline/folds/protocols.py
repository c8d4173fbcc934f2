"""The protocols that assign labelled tracks to folds."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.base.cli import counted
from pipeline.base.errors import FoldError
from pipeline.dataset.tracks import Track, artists_by_credit
from pipeline.folds.groups import groups, keeps_artists_apart
from pipeline.folds.table import FoldedTrack, SplitParams, unassigned, with_artists

TRAIN, VALID, TEST = "train", "valid", "test"

Replicas = Mapping[str, str]  # the group of each track that has a replica, by track id
Protocol = Callable[[Sequence[Track], Replicas, SplitParams, int], list[FoldedTrack]]


def song(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Draw folds by track, stratified by genre; replicas stay together."""
    return _assign_stratified(unassigned(tracks, replicas), params.folds, seed, "usable track")


def artist(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Draw folds by artist; a track whose artist is unknown counts as an artist by itself."""
    return _assign(with_artists(unassigned(tracks, replicas), tracks), params.folds, seed)


def clip(tracks: Sequence[Track], _: Replicas, params: SplitParams, seed: int) -> list[FoldedTrack]:
    """Draw folds by clip, which leak: they separate clips of the same track, and replicas."""
    clips = [
        replace(row, clip=number)
        for row, track in zip(unassigned(tracks, {}), tracks, strict=True)
        for number in range(track.clips)
    ]
    return _assign_stratified(clips, params.folds, seed, "clip")


def by_split(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, _: int
) -> list[FoldedTrack]:
    """Train with several seeds on the part `train` of the tracks' split, and test another part."""
    for track in tracks:
        if track.split not in ("", TRAIN, VALID, TEST):
            raise FoldError(
                f"the split of {track.track_id} = {track.split!r}: should be {TRAIN}, {VALID} or "
                f"{TEST}, or empty to leave it out"
            )
    parts = {track.split for track in tracks}
    if TRAIN not in parts:
        raise FoldError(f"no labelled track is in the part {TRAIN!r} of the split")
    if params.judge not in parts:
        raise FoldError(
            f"split.judge = {params.judge!r}: no labelled track is in that part of the split"
        )
    tested_in = {TRAIN: (), params.judge: tuple(range(params.seeds))}
    return _prescribed(tracks, replicas, [tested_in.get(track.split) for track in tracks])


def by_fold_or_split(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Take the folds that the metadata name, numbered in sorted order, or else their split."""
    names = sorted({track.fold for track in tracks} - {""}, key=_number_first)
    if not names and not any(track.split for track in tracks):
        raise FoldError("split.protocol = 'given' needs a column fold or split in metadata.csv")
    if not names:
        return by_split(tracks, replicas, params, seed)
    if len(names) == 1:
        raise FoldError(f"every fold in metadata.csv is {names[0]!r}; at least two are needed")
    tested_in = {name: (number,) for number, name in enumerate(names)}
    return _prescribed(tracks, replicas, [tested_in.get(track.fold) for track in tracks])


PROTOCOLS: dict[str, Protocol] = {
    "song": song,
    "artist": artist,
    "filtered": by_split,
    "given": by_fold_or_split,
    "clip": clip,
}


def stratified_group_folds(
    names: Sequence[str], genres: Sequence[str], folds: int, seed: int
) -> list[int]:
    """Draw a fold for each track, so that no group is split between folds.

    Groups are taken from the largest to the smallest, and those of equal size genre by genre, each
    into the fold where the squares of the genres' shares grow least. With groups of one track,
    folds differ by at most one track in each genre and in total. With larger groups, folds are as
    even as those of scikit-learn's StratifiedGroupKFold, which is less even for groups of one.

    Parameters
    ----------
    names, genres : sequence of str, length n
        Group and genre of each track.
    folds : int
        Number of folds.
    seed : int

    Returns
    -------
    list of int, length n
        Fold of each track, 0 to folds - 1.
    """
    group_names, group = np.unique(names, return_inverse=True)
    genre_names, genre = np.unique(genres, return_inverse=True)
    sizes = np.zeros((len(group_names), len(genre_names)), int)
    np.add.at(sizes, (group, genre), 1)
    weights = 1 / sizes.sum(axis=0) ** 2
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.lexsort((sizes[order].argmax(axis=1), -sizes[order].sum(axis=1)))]
    assigned = np.zeros((folds, len(genre_names)), int)
    fold_of = np.empty(len(sizes), int)
    for row in order:
        growth = (assigned * (sizes[row] * weights)).sum(axis=1)
        fold_of[row] = np.lexsort((assigned.sum(axis=1), growth))[0]
        assigned[fold_of[row]] += sizes[row]
    return fold_of[group].tolist()


def _assign_stratified(
    rows: Sequence[FoldedTrack], folds: int, seed: int, what: str
) -> list[FoldedTrack]:
    counts = Counter(row.genre for row in rows)
    genre = min(sorted(counts), key=counts.__getitem__)
    if counts[genre] < folds:
        raise FoldError(
            f"genre {genre!r} has {counted(counts[genre], what)}, fewer than split.folds = {folds}"
        )
    return _assign(rows, folds, seed)


def _assign(rows: Sequence[FoldedTrack], folds: int, seed: int) -> list[FoldedTrack]:
    names = groups(rows)
    count = len(set(names))
    if count < folds:
        raise FoldError(
            f"split.folds = {folds}: is more than the number of artists or recordings, {count}"
        )
    fold_of = stratified_group_folds(names, [row.genre for row in rows], folds, seed)
    return [replace(row, tested_in=(fold,)) for row, fold in zip(rows, fold_of, strict=True)]


def _prescribed(
    tracks: Sequence[Track],
    replicas: Replicas,
    tested_in: Sequence[tuple[int, ...] | None],
) -> list[FoldedTrack]:
    """Give tracks the folds that test them, and leave those out for which `tested_in` has None.

    If that keeps artists apart, their names are added, so that inner validation keeps them apart
    as well. If only joint credits are in the way, these are left without a name.
    """
    assigned = [
        replace(track, tested_in=folds)
        for track, folds in zip(unassigned(tracks, replicas), tested_in, strict=True)
        if folds is not None
    ]
    assigned = _without_tested_replicas(assigned)
    named = with_artists(assigned, tracks)
    artists = artists_by_credit(track.artist for track in named)
    single = [
        replace(track, artist="") if len(artists.get(track.artist, ())) > 1 else track
        for track in named
    ]
    return next((rows for rows in (named, single) if keeps_artists_apart(rows)), assigned)


def _without_tested_replicas(assigned: Sequence[FoldedTrack]) -> list[FoldedTrack]:
    """Leave each track out of the folds that test a replica of it.

    Prescribed folds cannot keep replicas together.
    """
    tested: dict[str, set[int]] = defaultdict(set)
    for track in assigned:
        if track.replica:
            tested[track.replica].update(track.tested_in)
    left_out_of = [tested[track.replica] - set(track.tested_in) for track in assigned]
    return [
        replace(track, left_out_of=tuple(sorted(folds)))
        for track, folds in zip(assigned, left_out_of, strict=True)
    ]


def _number_first(name: str) -> tuple[bool, int, str, str]:
    """Sort "9" before "10", and both before "a"; a number may have any length."""
    digits = name.lstrip("0") if name.isdecimal() else ""
    return (not name.isdecimal(), len(digits), digits, name)
