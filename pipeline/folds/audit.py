"""The audit that no fold leaks.

Apart from the rules that tell artists by their names, it shares no code with what groups tracks and
assigns them to folds.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from pipeline.dataset.artists import credited
from pipeline.folds.errors import LeakError
from pipeline.folds.table import FoldedTrack

Parts = Mapping[str, Collection[FoldedTrack]]


def audit(
    training: Collection[FoldedTrack],
    validation: Collection[FoldedTrack],
    test: Collection[FoldedTrack],
) -> None:
    """No track, no named artist and no replica group is in two parts.

    Where folds are cut by clip, no clip is.

    Raises
    ------
    LeakError
        Names two tracks, their parts and what they share.
    """
    parts = {"training": training, "validation": validation, "test": test}
    artists = credited(track.artist for tracks in parts.values() for track in tracks)
    _require_apart(parts, lambda track: [(track.track_id, track.clip)], "the same track")
    _require_apart(parts, lambda track: filter(None, [track.replica]), "replicas")
    _require_apart(parts, lambda track: artists.get(track.artist, ()), "by the same artist, {}")


def audit_pairs(
    training: Iterable[FoldedTrack],
    test: Iterable[FoldedTrack],
    pairs: Iterable[tuple[str, str]],
) -> None:
    """None of the `pairs` of replicas is parted, whatever groups were made of them.

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
    made_of: Iterable[tuple[str, int]], training: Collection[FoldedTrack], fold: int
) -> None:
    """Every augmented sample that trains in a fold was made of a clip that trains in it.

    Parameters
    ----------
    made_of : iterable of (str, int)
        Track and clip of each sample's parent, as the table of samples has them.

    Raises
    ------
    LeakError
        Names the track.
    """
    tracks = {track.track_id for track in training if track.clip is None}
    clips = {(track.track_id, track.clip) for track in training}
    for track_id, clip in made_of:
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
