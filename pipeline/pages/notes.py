"""What a reader must know before believing the figures, in plain sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Note:
    """A sentence; `grave` if the figures mean something else than they seem to."""

    text: str
    grave: bool = False


def notes(segment: Figures, replicas: Figures, split: Figures) -> list[Note]:
    """Notes from metrics/segment.json, replicas.json and split.json; those that matter most first.

    A key that a file lacks gives no note.
    """
    found = [*_on_folds(split), *_on_replicas(replicas, split), *_on_files(segment, split)]
    return sorted(found, key=lambda note: not note.grave)


def _on_folds(split: Figures) -> Iterator[Note]:
    if split.get("protocol") == "clip":
        yield Note(
            "The folds are cut by clip, so clips of a track that was trained on are tested: these "
            "figures say nothing about other music. The protocol song keeps tracks whole.",
            grave=True,
        )
    share = split.get("known_artist_share", 0)
    if not share:
        yield Note(
            "No artist is known, so songs by one artist may be on both sides of a fold, which "
            "makes them easier: expect less of music by artists who are new.",
            grave=True,
        )
    elif not split.get("artists_kept", True):
        yield Note(
            "Songs by one artist are on both sides of the folds, which makes them easier: expect "
            "less of music by artists who are new. The protocol artist keeps artists apart.",
            grave=True,
        )
    if 0 < share < 1:
        yield Note(f"The artist is known of {share:.0%} of the tracks only.")
    if split.get("genres_untrained"):
        yield Note(
            f"In {_times(split['genres_untrained'])}, a genre is tested that the fold never "
            "trained on.",
            grave=True,
        )
    if split.get("genres_absent"):
        yield Note(f"In {_times(split['genres_absent'])}, a fold tests no track of a genre.")
    if split.get("judged") in ("test", "valid"):
        yield Note(f"One part is judged, {split['judged']}, by models that differ in their seed.")


def _on_replicas(replicas: Figures, split: Figures) -> Iterator[Note]:
    if replicas.get("pairs_across_genres"):
        yield Note(
            f"{_are(replicas['pairs_across_genres'], 'pair')} the same recording under two genres: "
            "no model can be right about both tracks.",
            grave=True,
        )
    if split.get("replica_groups"):
        yield Note(
            f"{_are(split['replica_groups'], 'recording')} in the dataset more than once; the "
            "copies are on the same side of every fold."
        )
    if split.get("replicas_left_out"):
        yield Note(
            f"{_are(split['replicas_left_out'], 'track')} left out of training where a copy is "
            "tested."
        )


def _on_files(segment: Figures, split: Figures) -> Iterator[Note]:
    if segment.get("rejected"):
        yield Note(
            f"{segment['rejected']} of {segment['files']} files cannot be used; "
            "data/tracks.csv says why."
        )
    if segment.get("truncated"):
        yield Note(f"{_are(segment['truncated'], 'file')} shorter than its header says.")
    if split.get("left_out"):
        yield Note(f"{_are(split['left_out'], 'labelled track')} left out by the protocol.")


def _are(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"


def _times(number: int) -> str:
    return "one case" if number == 1 else f"{number} cases"
