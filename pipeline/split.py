"""Stage: labelled tracks -> data/folds.csv, audited, and what there is to say of it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.audit import audit, audit_pairs
from pipeline.errors import PipelineError, run_stage
from pipeline.fingerprint import digest
from pipeline.folds import PROTOCOLS
from pipeline.groups import groups, replica_groups
from pipeline.gtzan import EXCLUDED, Fact, gtzan_facts, replica_pairs
from pipeline.params import load_params
from pipeline.tables import write_json
from pipeline.tracks import (
    FOLDS,
    FoldedTrack,
    Track,
    folds_of,
    read_replica_pairs,
    read_tracks,
    sides,
    write_folds,
)

METRICS = Path("metrics/split.json")
SHORT = 12  # letters of a digest, enough to tell two runs apart


def filtered_split(tracks: Sequence[Track], facts: Mapping[str, Fact]) -> list[Track]:
    """`tracks` with GTZAN's filtered split in place of their own; excluded ones have none."""
    if not facts:
        raise PipelineError(
            "split.protocol = 'filtered' is a split of GTZAN: it needs a dataset whose labelled "
            "tracks are all of GTZAN's, by their names (blues/blues.00000)"
        )
    parts = {track_id: fact.split for track_id, fact in facts.items()}
    parts = {track_id: "" if part == EXCLUDED else part for track_id, part in parts.items()}
    return [replace(track, split=parts[track.track_id]) for track in tracks]


def require_genres(tracks: Sequence[Track] | Sequence[FoldedTrack]) -> None:
    """Raise `PipelineError` unless there are two genres to tell apart."""
    genres = sorted({track.genre for track in tracks})
    if len(genres) < 2:
        found = ", ".join(genres) or "none"
        raise PipelineError(f"genres with usable tracks: {found}; at least two are needed")


def require_artists(tracks: Sequence[Track]) -> None:
    """Warn of tracks whose artist is unknown, and raise `PipelineError` if all are such."""
    unknown = sum(not track.artist for track in tracks)
    if unknown == len(tracks):
        raise PipelineError(
            "split.protocol = 'artist', and no artist is known: artist folds without artists are "
            "song folds; add a column artist to metadata.csv"
        )
    if unknown:
        print(
            f"warning: of {len(tracks)} labelled tracks {unknown} have no known artist and count "
            "as artists of their own",
            file=sys.stderr,
        )


def audit_folds(folded: Sequence[FoldedTrack], pairs: Sequence[tuple[str, str]]) -> None:
    """Audit every fold, and against the `pairs` of replicas as they were read.

    Folds by clip part replicas as they part tracks: that is the leak they are there to show.
    """
    for fold in folds_of(folded):
        training, test = sides(folded, fold)
        audit(training, [], test)
        if not any(track.clip is not None for track in folded):
            audit_pairs(training, test, pairs)


def artists_apart(folded: Sequence[FoldedTrack], tracks: Sequence[Track]) -> bool:
    """Whether artists are known, and no fold is trained on one and tested on the same."""
    artists = {track.track_id: track.artist for track in tracks if track.artist}
    for fold in folds_of(folded):
        training, test = (
            {artists[track.track_id] for track in side if track.track_id in artists}
            for side in sides(folded, fold)
        )
        if training & test:
            return False
    return bool(artists)


def summarise(
    folded: Sequence[FoldedTrack], tracks: Sequence[Track], replicas: Mapping[str, str]
) -> dict[str, Any]:
    """Counts of the labelled `tracks` and of what became of them, for the metrics."""
    genres, folds = {track.genre for track in folded}, folds_of(folded)
    dealt = {track.track_id for track in folded}
    tested = {(fold, track.genre) for track in folded for fold in track.tested_in}
    return {
        "folds": len(folds),
        "tracks": len(dealt),
        "left_out": len(tracks) - len(dealt),
        "artists_kept": artists_apart(folded, tracks),
        "known_artist_share": round(sum(bool(track.artist) for track in tracks) / len(tracks), 4),
        "groups": len(set(groups(folded))),
        "replica_groups": len(set(replicas.values())),
        "genres_absent": len(folds) * len(genres) - len(tested),
        "dataset_digest": digest(*(f"{track.track_id} {track.sha256}" for track in tracks))[:SHORT],
    }


def main() -> None:
    """Deal the labelled tracks into folds as `split` in params.yaml says."""
    params = load_params()
    protocol = params.split.protocol
    tracks = [track for track in read_tracks() if track.genre]
    require_genres(tracks)
    if protocol == "artist":
        require_artists(tracks)
    facts = gtzan_facts(track.track_id for track in tracks)
    pairs = [*read_replica_pairs(), *replica_pairs(facts)]
    replicas = replica_groups([track.track_id for track in tracks], pairs)
    offered = filtered_split(tracks, facts) if protocol == "filtered" else tracks
    folded = PROTOCOLS[protocol](offered, replicas, params.split, params.seed)
    require_genres(folded)
    audit_folds(folded, pairs)
    write_folds(folded)
    every = all(track.tested_in for track in folded)
    write_json(
        METRICS,
        {
            "protocol": protocol,
            "judged": "all" if every else params.split.judge,
            **summarise(folded, tracks, replicas),
            "folds_digest": digest(FOLDS.read_text(encoding="utf-8"))[:SHORT],
        },
    )


if __name__ == "__main__":
    run_stage(main)
