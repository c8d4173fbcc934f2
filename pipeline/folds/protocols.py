"""The protocols by which labelled tracks are assigned to folds."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pipeline.dataset.artists import credited
from pipeline.dataset.tracks import Track
from pipeline.folds.errors import FoldError
from pipeline.folds.groups import artists_apart, groups
from pipeline.folds.params import SplitParams
from pipeline.folds.stratify import stratified_group_folds
from pipeline.folds.table import FoldedTrack

TRAIN, VALID, TEST = "train", "valid", "test"

Replicas = Mapping[str, str]
Protocol = Callable[[Sequence[Track], Replicas, SplitParams, int], list[FoldedTrack]]


def song(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Folds by track, each like the whole in its genres; replicas stay together."""
    return _assign_stratified(_unassigned(tracks, replicas), params.folds, seed, "usable tracks")


def artist(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Folds by artist; a track without one counts as an artist of its own."""
    return _assign(naming_artists(_unassigned(tracks, replicas), tracks), params.folds, seed)


def clip(tracks: Sequence[Track], _: Replicas, params: SplitParams, seed: int) -> list[FoldedTrack]:
    """Folds by clip. They leak: clips of one track are in several, and so are replicas."""
    unassigned = [
        replace(track, clip=number)
        for track, count in zip(_unassigned(tracks, {}), (t.clips for t in tracks), strict=True)
        for number in range(count)
    ]
    return _assign_stratified(unassigned, params.folds, seed, "clips")


def by_split(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, _: int
) -> list[FoldedTrack]:
    """The split that the tracks name, trained on with several seeds; one part is judged."""
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
    return _placed(tracks, replicas, [tested_in.get(track.split) for track in tracks])


def given(
    tracks: Sequence[Track], replicas: Replicas, params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """The folds that the tracks name, sorted; where none names one, their split."""
    names = sorted({track.fold for track in tracks} - {""}, key=_number_first)
    if not names and not any(track.split for track in tracks):
        raise FoldError("split.protocol = 'given' needs a column fold or split in metadata.csv")
    if not names:
        return by_split(tracks, replicas, params, seed)
    if len(names) == 1:
        raise FoldError(f"every fold of metadata.csv is {names[0]!r}; at least two are needed")
    tested_in = {name: (number,) for number, name in enumerate(names)}
    return _placed(tracks, replicas, [tested_in.get(track.fold) for track in tracks])


PROTOCOLS: dict[str, Protocol] = {
    "song": song,
    "artist": artist,
    "filtered": by_split,
    "given": given,
    "clip": clip,
}


def naming_artists(folded: Iterable[FoldedTrack], tracks: Iterable[Track]) -> list[FoldedTrack]:
    """The `folded` tracks with the artists that are known of `tracks`."""
    artists = {track.track_id: track.artist for track in tracks}
    return [replace(track, artist=artists[track.track_id]) for track in folded]


def _assign_stratified(
    unassigned: Sequence[FoldedTrack], folds: int, seed: int, what: str
) -> list[FoldedTrack]:
    for genre, count in sorted(Counter(track.genre for track in unassigned).items()):
        if count < folds:
            raise FoldError(
                f"genre {genre!r} has {count} {what}, fewer than split.folds = {folds}; "
                f"add tracks or lower split.folds to at most {count}"
            )
    return _assign(unassigned, folds, seed)


def _assign(unassigned: Sequence[FoldedTrack], folds: int, seed: int) -> list[FoldedTrack]:
    names = groups(unassigned)
    count = len(set(names))
    if count < folds:
        raise FoldError(
            f"split.folds = {folds}: there are {count} artists or recordings to assign; lower it "
            f"to at most {count}"
        )
    fold_of = stratified_group_folds(names, [track.genre for track in unassigned], folds, seed)
    return [
        replace(track, tested_in=(fold,)) for track, fold in zip(unassigned, fold_of, strict=True)
    ]


def _unassigned(tracks: Sequence[Track], replicas: Replicas) -> list[FoldedTrack]:
    return [
        FoldedTrack(track.track_id, None, track.genre, "", replicas.get(track.track_id, ""), ())
        for track in tracks
    ]


def _placed(
    tracks: Sequence[Track], replicas: Replicas, places: Sequence[tuple[int, ...] | None]
) -> list[FoldedTrack]:
    """Tracks with the folds that test them; without those whose place is None.

    Where that keeps artists apart, they are named, and stay together in all that follows; if
    need be all but those of joint credits, as one of them is on either side.
    """
    placed = [
        replace(track, tested_in=place)
        for track, place in zip(_unassigned(tracks, replicas), places, strict=True)
        if place is not None
    ]
    placed = _without_parted(placed)
    named = naming_artists(placed, tracks)
    behind = credited(track.artist for track in named)
    single = [
        track if len(behind.get(track.artist, ())) < 2 else replace(track, artist="")
        for track in named
    ]
    return next((each for each in (named, single) if artists_apart(each)), placed)


def _without_parted(placed: Sequence[FoldedTrack]) -> list[FoldedTrack]:
    """Tracks that are left out of the folds that test a replica of theirs.

    Where places are prescribed, replicas cannot be kept together.
    """
    tested: dict[str, set[int]] = defaultdict(set)
    for track in placed:
        if track.replica:
            tested[track.replica].update(track.tested_in)
    parted = [tested[track.replica] - set(track.tested_in) for track in placed]
    return [
        replace(track, left_out_of=tuple(sorted(folds)))
        for track, folds in zip(placed, parted, strict=True)
    ]


def _number_first(name: str) -> tuple[bool, int, str]:
    """Sorts "9" before "10", and both before "a"."""
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
