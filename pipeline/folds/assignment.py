"""Assign the labelled tracks to the folds of a protocol, and audit and summarise the result."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from pipeline.base.cli import counted
from pipeline.base.errors import FoldError, PipelineError
from pipeline.dataset.tracks import (
    EXCLUDED,
    REJECTED,
    Fact,
    Track,
    gtzan_facts,
    replica_pairs,
    same_piece_pairs,
)
from pipeline.folds.audit import audit, audit_pairs
from pipeline.folds.groups import groups, inner_validation, keeps_artists_apart, replica_groups
from pipeline.folds.protocols import PROTOCOLS
from pipeline.folds.table import (
    FoldedTrack,
    SplitParams,
    dataset_digest,
    folds_of,
    sides,
    with_artists,
)

DRAWN = ("song", "artist", "clip")  # protocols with split.folds folds
USUAL_FOLDS = 10  # more are not advised
LEAST = 3  # folds and recordings: one is tested, one trained on, and one validated on


@dataclass(frozen=True)
class Assignment:
    """Tracks with their folds, and what a user should know of them.

    Attributes
    ----------
    tracks : list of FoldedTrack
    figures : dict
        The content of metrics/split.json, except for the digest of the folds.
    warnings : list of str
        One line each.
    """

    tracks: list[FoldedTrack]
    figures: dict[str, Any]
    warnings: list[str]


def assign_folds(
    usable: Sequence[Track], pairs: Sequence[tuple[str, str]], params: SplitParams, seed: int
) -> Assignment:
    """Assign the labelled tracks to folds, and audit every fold.

    Parameters
    ----------
    usable : sequence of Track
        Labelled or not, sorted by track id.
    pairs : sequence of (str, str)
        Pairs of track ids that are replicas. GTZAN's known replicas are added and, unless the
        protocol is `filtered`, its pairs with the same artist and title.
    params : SplitParams
    seed : int

    Raises
    ------
    PipelineError
        The protocol cannot be used with these tracks; says which number of folds can be.
    LeakError
        A fold leaks; names the two tracks.
    """
    with _advising(usable, pairs, params, seed):
        return _assign(usable, pairs, params, seed)


def _assign(
    usable: Sequence[Track], pairs: Sequence[tuple[str, str]], params: SplitParams, seed: int
) -> Assignment:
    counts = Counter(track.genre for track in usable)
    tracks = [t for t in usable if t.genre and counts[t.genre] >= params.least_tracks]
    _require_genres(tracks)
    if params.protocol == "artist":
        _require_artists(tracks, params.group)
    facts = gtzan_facts(track.track_id for track in tracks)
    pairs = [*pairs, *replica_pairs(facts)]
    if params.protocol == "filtered":  # a published split: only identical audio is removed from it
        tracks = _with_filtered_split(tracks, facts)
    else:
        pairs += same_piece_pairs(facts)
    replicas = replica_groups([track.track_id for track in tracks], pairs)
    assigned = PROTOCOLS[params.protocol](tracks, replicas, params, seed)
    # A split has one training part for all of its seeds: what is left out of it is in no fold.
    folded = [track for track in assigned if track.tested_in or not track.left_out_of]
    _require_genres(folded)
    # Artists as they were read, whatever the protocol made of them.
    _audit(with_artists(folded, tracks) if params.protocol == "artist" else folded, pairs)
    warnings = [_unknown_artists(tracks, params.group)] if params.protocol == "artist" else []
    warnings += [_left_out_replicas(assigned), *genre_warnings(folded, params)]
    figures = {
        "protocol": params.protocol,
        "group": params.group,
        "judged": "all" if all(track.tested_in for track in folded) else params.judge,
        **_summarise(folded, tracks, replicas),
        "replicas_left_out": sum(bool(track.left_out_of) for track in assigned),
        "genres_untrained": len(_untrained(folded)),
    }
    return Assignment(folded, figures, list(filter(None, warnings)))


def require_folds(usable: Sequence[Track], params: SplitParams, seed: int) -> list[FoldedTrack]:
    """Check that there are enough tracks to train and test, before copies among them are known.

    Parameters are those of `assign_folds`. Copies only make groups larger and fewer, so what is
    refused here would fail with them as well.

    Returns
    -------
    list of FoldedTrack
        The tracks in the folds that they have if there are no copies.

    Raises
    ------
    PipelineError
        The protocol cannot be used with these tracks, or a genre would have too few of them to
        train and to validate; says which number of folds can be used.
    """
    with _advising(usable, [], params, seed):
        return _assign_to_train(usable, [], params, seed)


def _assign_to_train(
    usable: Sequence[Track], pairs: Sequence[tuple[str, str]], params: SplitParams, seed: int
) -> list[FoldedTrack]:
    tracks = _assign(usable, pairs, params, seed).tracks
    for fold in folds_of(tracks):
        inner_validation(sides(tracks, fold)[0], share=0, seed=seed + fold)  # the least there is
    return tracks


@contextmanager
def _advising(
    usable: Sequence[Track], pairs: Sequence[tuple[str, str]], params: SplitParams, seed: int
) -> Iterator[None]:
    """Add to an error about the folds what would do; `params.folds` counts in DRAWN alone."""
    try:
        yield
    except FoldError as error:
        if params.protocol not in DRAWN:
            raise
        advice = _advice(usable, pairs, params, seed)
        raise FoldError(f"{error}; {advice}") from None


def _advice(
    usable: Sequence[Track], pairs: Sequence[tuple[str, str]], params: SplitParams, seed: int
) -> str:
    """The number of folds that can be used: the next lower one if there is one, else the next.

    Fewer folds leave fewer tracks to train on, so there may be none but a higher one.
    """
    for folds in (*range(params.folds - 1, 1, -1), *range(params.folds + 1, USUAL_FOLDS + 1)):
        with suppress(FoldError):
            _assign_to_train(usable, pairs, replace(params, folds=folds), seed)
            return f"set split.folds to {folds}, or add tracks"
    if params.protocol == "artist":
        return "no number of folds works; add tracks by other artists"
    return (
        f"no number of folds works; add tracks until every genre has at least {LEAST} recordings, "
        f"and set split.folds to {LEAST}"
    )


def small_genres(files: Iterable[tuple[str, str]], least: int) -> dict[str, str]:
    """Describe each genre that has no usable track, or fewer than `least`.

    Parameters
    ----------
    files : iterable of (str, str)
        Genre and status of each file, as in data/tracks.csv.
    least : int

    Returns
    -------
    dict of str to str
        What can be used of the genre, and why its other files are rejected, by its name.
    """
    statuses: dict[str, list[str]] = defaultdict(list)
    for genre, status in files:
        statuses[genre].append(status)
    described = {}
    for genre in sorted(statuses.keys() - {""}):
        reasons = Counter(
            status.removeprefix(f"{REJECTED}: ").partition(" (")[0]  # such as a number of seconds
            for status in statuses[genre]
            if status.startswith(REJECTED)
        )
        count = len(statuses[genre])
        usable = count - reasons.total()
        if usable < max(least, 1):
            why = ", ".join(f"{reason}: {number}" for reason, number in reasons.most_common())
            described[genre] = f"{usable} of {counted(count, 'file')} can be used"
            described[genre] += f" ({why})" if why else ""
    return described


def require_all_genres(files: Iterable[tuple[str, str]], least: int) -> dict[str, str]:
    """Return the genres that `split.least_tracks` leaves out, as `small_genres` describes them.

    Raises
    ------
    PipelineError
        It is 0, so that none may be left out, but some have no usable track.
    """
    small = small_genres(files, least)
    if small and not least:
        lost = "; ".join(f"genre {genre!r}: {text}" for genre, text in small.items())
        raise PipelineError(
            f"{lost}; mend or remove these files, or set split.least_tracks to 1 or more, which "
            "leaves out genres with fewer tracks"
        )
    return small


def _require_genres(tracks: Sequence[Track] | Sequence[FoldedTrack]) -> None:
    genres = sorted({track.genre for track in tracks})
    if len(genres) < 2:
        names = ", ".join(genres) or "none"
        raise PipelineError(f"genres with usable tracks: {names}; at least two are needed")


def _require_artists(tracks: Sequence[Track], group: str) -> None:
    if not any(track.artist for track in tracks):
        raise PipelineError(
            f"split.protocol = 'artist', but no {group} is known; add a column {group} to "
            "metadata.csv, or set split.protocol to song"
        )


def _with_filtered_split(tracks: Sequence[Track], facts: Mapping[str, Fact]) -> list[Track]:
    """Replace the split of each track by GTZAN's filtered split; excluded tracks have none."""
    if not facts:
        raise PipelineError(
            "split.protocol = 'filtered' is a split of GTZAN: all labelled tracks should have "
            "GTZAN's names, such as blues/blues.00000"
        )
    parts = {track_id: fact.split for track_id, fact in facts.items()}
    parts = {track_id: "" if part == EXCLUDED else part for track_id, part in parts.items()}
    return [replace(track, split=parts[track.track_id]) for track in tracks]


def _audit(folded: Sequence[FoldedTrack], pairs: Sequence[tuple[str, str]]) -> None:
    """Audit every fold, and that none separates one of the `pairs` of replicas.

    Folds by clip separate them as they separate clips of a track: they exist to show that leak.
    """
    by_clip = any(track.clip is not None for track in folded)
    for fold in folds_of(folded):
        training, test = sides(folded, fold)
        audit(training, [], test)
        if not by_clip:
            audit_pairs(training, test, pairs)


def _summarise(
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


def _unknown_artists(tracks: Sequence[Track], group: str) -> str:
    """The warning that tracks have no known artist, as `group` is called, or an empty text."""
    unknown = sum(not track.artist for track in tracks)
    if not unknown:
        return ""
    return (
        f"{unknown} of {len(tracks)} labelled tracks {'has' if unknown == 1 else 'have'} no known "
        f"{group}; each counts as one by itself"
    )


def _left_out_replicas(assigned: Sequence[FoldedTrack]) -> str:
    """The warning that folds leave tracks out whose replicas they test, or an empty text."""
    left_out = [track for track in assigned if track.left_out_of]
    if not left_out:
        return ""
    first, fold = left_out[0], left_out[0].left_out_of[0]
    tested = next(t for t in assigned if t.replica == first.replica and fold in t.tested_in)
    return (
        f"{first.track_id} (training) and {tested.track_id} (test) are replicas; tracks left "
        f"out of training where a replica is tested: {len(left_out)}"
    )


def genre_warnings(folded: Sequence[FoldedTrack], params: SplitParams) -> list[str]:
    """The warnings about genres that some folds cannot test, or test without training on them."""
    scarce = _scarce_genres(folded, params.group) if params.protocol == "artist" else ""
    return list(filter(None, [scarce, _untrained_genres(folded)]))


def _scarce_genres(folded: Sequence[FoldedTrack], group: str) -> str:
    """The warning that genres have fewer artists than there are folds, or an empty text."""
    artists: dict[str, set[str]] = defaultdict(set)
    for track, name in zip(folded, groups(folded), strict=True):
        artists[track.genre].add(name)
    folds = len(folds_of(folded))
    few = [
        f"{genre} ({len(artists[genre])})"
        for genre in sorted(artists)
        if len(artists[genre]) < folds
    ]
    if not few:
        return ""
    return (
        f"genres with fewer {group}s than the {folds} folds, so that not every fold tests them: "
        f"{', '.join(few)}"
    )


def _untrained_genres(folded: Sequence[FoldedTrack]) -> str:
    """The warning that folds test genres without a track to train on, or an empty text."""
    untrained = _untrained(folded)
    if not untrained:
        return ""
    genre, fold = untrained[0]
    return (
        f"fold {fold} tests genre {genre!r} but has no track of it in training, so all its "
        f"tracks will be wrong; number of such cases: {len(untrained)}"
    )


def _untrained(folded: Sequence[FoldedTrack]) -> list[tuple[str, int]]:
    """Each genre that a fold tests without a track of it to train on, and that fold."""
    return [
        (genre, fold)
        for fold in folds_of(folded)
        for training, test in [sides(folded, fold)]
        for genre in sorted({track.genre for track in test} - {track.genre for track in training})
    ]
