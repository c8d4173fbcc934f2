"""The figures of metrics/split.json: what became of the labelled tracks."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.base.digests import digest
from pipeline.base.paths import FOLDS
from pipeline.dataset.tracks import Track
from pipeline.folds.groups import groups, keeps_artists_apart
from pipeline.folds.table import FoldedTrack, folds_of, sides, with_artists

SHORT = 12  # hexadecimal digits, enough to tell two runs apart


def short_digest(*parts: str) -> str:
    """Return the first digits of the SHA-256 of several texts."""
    return digest(*parts)[:SHORT]


def folds_digest() -> str:
    """Return the digest of the table of folds, which metrics/split.json and training.json have."""
    return short_digest(FOLDS.read_text(encoding="utf-8"))


def dataset_digest(tracks: Sequence[Track]) -> str:
    """Return the digest of the labelled `tracks`: which they are, and the bytes of their files."""
    return short_digest(*(f"{track.track_id} {track.sha256}" for track in tracks))


def summarise(
    folded: Sequence[FoldedTrack], tracks: Sequence[Track], replicas: Mapping[str, str]
) -> dict[str, Any]:
    """Count the labelled `tracks`, those that are `folded`, and the folds."""
    genres, folds = {track.genre for track in folded}, folds_of(folded)
    assigned = {track.track_id for track in folded}
    tested = {(fold, track.genre) for track in folded for fold in track.tested_in}
    named = folded if any(track.artist for track in folded) else with_artists(folded, tracks)
    return {
        "folds": len(folds),
        "tracks": len(assigned),
        "left_out": len(tracks) - len(assigned),
        "artists_kept": keeps_artists_apart(named),
        "known_artist_share": round(sum(bool(track.artist) for track in tracks) / len(tracks), 4),
        "groups": len(set(groups(folded))),
        "replica_groups": len(set(replicas.values())),
        "genres_absent": len(folds) * len(genres) - len(tested),
        "dataset_digest": dataset_digest(tracks),
    }


def untrained(folded: Sequence[FoldedTrack]) -> list[tuple[str, int]]:
    """Each genre that a fold tests but does not train on, and that fold."""
    return [
        (genre, fold)
        for fold in folds_of(folded)
        for training, test in [sides(folded, fold)]
        for genre in sorted({track.genre for track in test} - {track.genre for track in training})
    ]
