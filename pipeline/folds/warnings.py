"""What is to be known before the figures of some folds are believed: no line, or one."""

from collections.abc import Iterator, Sequence

from pipeline.dataset.tracks import Track
from pipeline.folds.figures import untrained
from pipeline.folds.table import FoldedTrack


def unknown_artists(tracks: Sequence[Track]) -> Iterator[str]:
    """How many tracks have no known artist, which counts where folds are cut by artist."""
    unknown = sum(not track.artist for track in tracks)
    if unknown:
        yield (
            f"{unknown} of {len(tracks)} labelled tracks have no known artist; each counts as an "
            "artist by itself"
        )


def left_out_replicas(assigned: Sequence[FoldedTrack]) -> Iterator[str]:
    """How many tracks a fold leaves out because it tests a replica of them."""
    left_out = [track for track in assigned if track.left_out_of]
    if left_out:
        first, fold = left_out[0], left_out[0].left_out_of[0]
        tested = next(t for t in assigned if t.replica == first.replica and fold in t.tested_in)
        yield (
            f"{first.track_id} (training) and {tested.track_id} (test) are replicas; tracks left "
            f"out of training where a replica is tested: {len(left_out)}"
        )


def untrained_genres(folded: Sequence[FoldedTrack]) -> Iterator[str]:
    """How many genres are tested by a fold that does not train on them."""
    found = untrained(folded)
    if found:
        genre, fold = found[0]
        yield (
            f"fold {fold} tests genre {genre!r} but has no track of it in training, so all its "
            f"tracks will be wrong; number of such cases: {len(found)}"
        )
