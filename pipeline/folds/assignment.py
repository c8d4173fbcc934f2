"""Assign labelled tracks to the folds of a protocol, audit them, and warn where it is due."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.base.digests import digest
from pipeline.base.errors import PipelineError
from pipeline.dataset.gtzan import EXCLUDED, Fact, gtzan_facts, replica_pairs, same_piece_pairs
from pipeline.dataset.tracks import Track
from pipeline.folds.audit import audit, audit_pairs
from pipeline.folds.groups import artists_apart, groups, replica_groups
from pipeline.folds.params import SplitParams
from pipeline.folds.protocols import PROTOCOLS, naming_artists
from pipeline.folds.table import FoldedTrack, folds_of, sides

SHORT = 12  # letters of a digest, enough to tell two runs apart


@dataclass(frozen=True)
class Assignment:
    """Tracks with their folds, and the figures of metrics/split.json except the folds' digest."""

    tracks: list[FoldedTrack]
    figures: dict[str, Any]


def assign_folds(
    usable: Sequence[Track], found: Sequence[tuple[str, str]], params: SplitParams, seed: int
) -> Assignment:
    """Assign the labelled ones of the `usable` tracks to folds as `params` say, and audit each.

    Parameters
    ----------
    usable : sequence of Track
        Sorted by track id.
    found : sequence of (str, str)
        Pairs of track ids that are replicas; GTZAN's known ones are added, and but for its own
        filtered split those of one artist and title.
    params : SplitParams
    seed : int

    Raises
    ------
    PipelineError
        The protocol does not go with these tracks.
    LeakError
        A fold leaks; names the pair.
    """
    tracks = [track for track in usable if track.genre]
    require_genres(tracks)
    if params.protocol == "artist":
        require_artists(tracks)
    facts = gtzan_facts(track.track_id for track in tracks)
    pairs = [*found, *replica_pairs(facts)]
    if params.protocol != "filtered":  # published: nothing but the same sound takes from it
        pairs += same_piece_pairs(facts)
    replicas = replica_groups([track.track_id for track in tracks], pairs)
    offered = filtered_split(tracks, facts) if params.protocol == "filtered" else tracks
    placed = PROTOCOLS[params.protocol](offered, replicas, params, seed)
    parted = warn_of_parted(placed)
    # Who is left out of a fold and tested in none would train in none either.
    folded = [track for track in placed if track.tested_in or not track.left_out_of]
    require_genres(folded)
    # Artists as they were read, whatever the protocol made of them.
    audit_folds(naming_artists(folded, tracks) if params.protocol == "artist" else folded, pairs)
    judged = "all" if all(track.tested_in for track in folded) else params.judge
    labels = {"protocol": params.protocol, "judged": judged}
    counts = summarise(folded, tracks, replicas)
    warned = {"replicas_left_out": parted, "genres_untrained": warn_of_untrained(folded)}
    return Assignment(folded, {**labels, **counts, **warned})


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


def warn_of_parted(placed: Sequence[FoldedTrack]) -> int:
    """Warn of tracks that do not train where a replica is tested, and count them."""
    parted = [track for track in placed if track.left_out_of]
    if parted:
        first, fold = parted[0], parted[0].left_out_of[0]
        tested = next(t for t in placed if t.replica == first.replica and fold in t.tested_in)
        print(
            f"warning: {first.track_id} (training) and {tested.track_id} (test) are replicas; "
            f"tracks left out of training where a replica is tested: {len(parted)}",
            file=sys.stderr,
        )
    return len(parted)


def audit_folds(folded: Sequence[FoldedTrack], pairs: Sequence[tuple[str, str]]) -> None:
    """Audit every fold, and against the `pairs` of replicas as they were read.

    Folds by clip part replicas as they part tracks: that is the leak they are there to show.
    """
    for fold in folds_of(folded):
        training, test = sides(folded, fold)
        audit(training, [], test)
        if not any(track.clip is not None for track in folded):
            audit_pairs(training, test, pairs)


def warn_of_untrained(folded: Sequence[FoldedTrack]) -> int:
    """Warn of genres that a fold tests and does not train on, and count them over the folds."""
    untrained = [
        (genre, fold)
        for fold in folds_of(folded)
        for training, test in [sides(folded, fold)]
        for genre in sorted({track.genre for track in test} - {track.genre for track in training})
    ]
    if untrained:
        genre, fold = untrained[0]
        print(
            f"warning: genre {genre!r} is tested in fold {fold}, and nothing of it trains there, "
            f"so all of it will be wrong; such cases: {len(untrained)}",
            file=sys.stderr,
        )
    return len(untrained)


def summarise(
    folded: Sequence[FoldedTrack], tracks: Sequence[Track], replicas: Mapping[str, str]
) -> dict[str, Any]:
    """Counts of the labelled `tracks` and of what became of them, for the metrics."""
    genres, folds = {track.genre for track in folded}, folds_of(folded)
    assigned = {track.track_id for track in folded}
    tested = {(fold, track.genre) for track in folded for fold in track.tested_in}
    named = folded if any(track.artist for track in folded) else naming_artists(folded, tracks)
    return {
        "folds": len(folds),
        "tracks": len(assigned),
        "left_out": len(tracks) - len(assigned),
        "artists_kept": artists_apart(named),
        "known_artist_share": round(sum(bool(track.artist) for track in tracks) / len(tracks), 4),
        "groups": len(set(groups(folded))),
        "replica_groups": len(set(replicas.values())),
        "genres_absent": len(folds) * len(genres) - len(tested),
        "dataset_digest": digest(*(f"{track.track_id} {track.sha256}" for track in tracks))[:SHORT],
    }
