"""The audit that no fold leaks.

It shares no code with what groups tracks and assigns them to folds, except for the rules that
recognise an artist by name (`pipeline.dataset.tracks`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from pipeline.base.errors import LeakError
from pipeline.dataset.tracks import artists_by_credit
from pipeline.folds.table import FoldedTrack

Parts = Mapping[str, Collection[FoldedTrack]]


def audit(
    training: Collection[FoldedTrack],
    validation: Collection[FoldedTrack],
    test: Collection[FoldedTrack],
) -> None:
    """Check that no track, no named artist and no group of replicas is in two parts of a fold.

    Where folds are cut by clip, no clip may be in two parts, but a track may.

    Raises
    ------
    LeakError
        Names two tracks, their parts and what they share.
    """
    parts = {"training": training, "validation": validation, "test": test}
    artists = artists_by_credit(track.artist for tracks in parts.values() for track in tracks)
    _require_apart(parts, lambda track: [(track.track_id, track.clip)], "the same track")
    _require_apart(parts, lambda track: filter(None, [track.replica]), "replicas")
    _require_apart(parts, lambda track: artists.get(track.artist, ()), "by the same artist, {}")


def audit_pairs(
    training: Iterable[FoldedTrack],
    test: Iterable[FoldedTrack],
    pairs: Iterable[tuple[str, str]],
) -> None:
    """Check that none of the `pairs` of replicas is separated, whatever groups they are in.

    Raises
    ------
    LeakError
        Names the pair.
    """
    trained = {track.track_id for track in training}
    tested = {track.track_id for track in test}
    for first, second in pairs:
        for one, other in ((first, second), (second, first)):
            if one in trained and other in tested:
                raise LeakError(f"leak: {one} (training) and {other} (test) are replicas")


def audit_samples(
    parents: Iterable[tuple[str, int]], training: Collection[FoldedTrack], fold: int
) -> None:
    """Check that every augmented sample in training was made from a clip in training.

    Parameters
    ----------
    parents : iterable of (str, int)
        Track id and clip number of each sample's parent, as the table of samples has them.
    training : collection of FoldedTrack
    fold : int
        Number of the fold, for the error.

    Raises
    ------
    LeakError
        Names the track.
    """
    tracks = {track.track_id for track in training if track.clip is None}
    clips = {(track.track_id, track.clip) for track in training}
    for track_id, clip in parents:
        if track_id not in tracks and (track_id, clip) not in clips:
            raise LeakError(
                f"leak: an augmented sample of {track_id} is in training in fold {fold}, where "
                "that track does not train"
            )


def _require_apart(
    parts: Parts, keys: Callable[[FoldedTrack], Iterable[object]], shared: str
) -> None:
    seen: dict[object, tuple[FoldedTrack, str]] = {}
    for part, tracks in parts.items():
        for track in tracks:
            for key in keys(track):
                first, where = seen.setdefault(key, (track, part))
                if where != part:
                    artists = " = ".join(dict.fromkeys([first.artist, track.artist]))
                    raise LeakError(
                        f"leak: {first.track_id} ({where}) and {track.track_id} ({part}) are "
                        f"{shared.format(artists)}"
                    )
