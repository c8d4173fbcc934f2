"""The protocols that assign labelled tracks to folds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipeline.dataset.tracks import Track
from pipeline.folds.errors import FoldError
from pipeline.folds.groups import groups
from pipeline.folds.params import SplitParams
from pipeline.folds.prescribed import by_fold_or_split, by_split
from pipeline.folds.stratify import stratified_group_folds
from pipeline.folds.table import FoldedTrack, unassigned, with_artists

Replicas = Mapping[str, str]
Protocol = Callable[[Sequence[Track], Replicas, SplitParams, int], list[FoldedTrack]]


def song(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Draw folds by track, stratified by genre; replicas stay together."""
    return _assign_stratified(unassigned(tracks, replicas), params.folds, seed, "usable tracks")


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
    return _assign_stratified(clips, params.folds, seed, "clips")


PROTOCOLS: dict[str, Protocol] = {
    "song": song,
    "artist": artist,
    "filtered": by_split,
    "given": by_fold_or_split,
    "clip": clip,
}


def _assign_stratified(
    rows: Sequence[FoldedTrack], folds: int, seed: int, what: str
) -> list[FoldedTrack]:
    counts = Counter(row.genre for row in rows)
    genre = min(sorted(counts), key=counts.__getitem__)
    if counts[genre] < folds:
        raise FoldError(
            f"genre {genre!r} has {counts[genre]} {what}, fewer than split.folds = {folds}; "
            f"add tracks or lower split.folds to at most {counts[genre]}"
        )
    return _assign(rows, folds, seed)


def _assign(rows: Sequence[FoldedTrack], folds: int, seed: int) -> list[FoldedTrack]:
    names = groups(rows)
    count = len(set(names))
    if count < folds:
        raise FoldError(
            f"split.folds = {folds}: there are {count} artists or recordings to assign; lower it "
            f"to at most {count}"
        )
    fold_of = stratified_group_folds(names, [row.genre for row in rows], folds, seed)
    return [replace(row, tested_in=(fold,)) for row, fold in zip(rows, fold_of, strict=True)]
