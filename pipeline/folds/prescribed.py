"""Folds and splits that the dataset prescribes, in its metadata or by a published split."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.dataset.artists import artists_by_credit
from pipeline.dataset.tracks import Track
from pipeline.folds.errors import FoldError
from pipeline.folds.groups import keeps_artists_apart
from pipeline.folds.params import SplitParams
from pipeline.folds.table import FoldedTrack, unassigned, with_artists

TRAIN, VALID, TEST = "train", "valid", "test"


def by_split(
    tracks: Sequence[Track], replicas: Mapping[str, str], params: SplitParams, _: int
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
    tracks: Sequence[Track], replicas: Mapping[str, str], params: SplitParams, seed: int
) -> list[FoldedTrack]:
    """Use the folds that the tracks name, numbered in sorted order, or else their split."""
    names = sorted({track.fold for track in tracks} - {""}, key=_number_first)
    if not names and not any(track.split for track in tracks):
        raise FoldError("split.protocol = 'given' needs a column fold or split in metadata.csv")
    if not names:
        return by_split(tracks, replicas, params, seed)
    if len(names) == 1:
        raise FoldError(f"every fold in metadata.csv is {names[0]!r}; at least two are needed")
    tested_in = {name: (number,) for number, name in enumerate(names)}
    return _prescribed(tracks, replicas, [tested_in.get(track.fold) for track in tracks])


def _number_first(name: str) -> tuple[bool, int, str, str]:
    """Sort "9" before "10", and both before "a"; a number may have any length."""
    digits = name.lstrip("0") if name.isdecimal() else ""
    return (not name.isdecimal(), len(digits), digits, name)


def _prescribed(
    tracks: Sequence[Track],
    replicas: Mapping[str, str],
    tested_in: Sequence[tuple[int, ...] | None],
) -> list[FoldedTrack]:
    """Tracks with the folds that test them, except those for which `tested_in` has None.

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
