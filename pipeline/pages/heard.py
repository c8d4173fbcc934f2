"""What models predict for the clips of each track, as the browser of pages/templates takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.base.tables import read_csv
from pipeline.pages.media import Media

PROBABILITY = "p_"  # how the columns of probabilities begin; what follows is the genre
SCALE = 1000  # probabilities are integers on the page, which is half as long

Row = Mapping[str, str]


@dataclass(frozen=True)
class Heard:
    """One track, and what was heard in it.

    Attributes
    ----------
    actual : str
        Its genre; empty for an unlabelled track.
    predicted : list of str
        By the vote of its clips; one for each seed that tested it.
    folds : list of int
        In which it was tested; with several seeds, their numbers.
    votes : list of str
        The genre of each clip, for each seed.
    probabilities : float array, shape (clips, genres)
        Mean over the seeds.
    group : str
        Tracks of the same group are never on both sides of a fold.
    facts : list of str
        What else is worth knowing: the artist, which track is the same recording.
    replica : bool
        Whether another track is the same recording.
    tags : list of str
        The strongest ones, where the feature has tags.
    """

    track_id: str
    actual: str
    predicted: list[str]
    folds: list[int]
    votes: list[str]
    probabilities: Array
    group: str = ""
    facts: list[str] = field(default_factory=list)
    replica: bool = False
    tags: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """Whether it is labelled, and some seed predicts another genre."""
        return bool(self.actual) and any(each != self.actual for each in self.predicted)

    def worth(self, genres: Sequence[str]) -> tuple[bool, float, str]:
        """Sorts the tracks: the most surely wrong first, then what is right by the least."""
        sure = float(self.probabilities.mean(axis=0)[genres.index(self.predicted[0])])
        return not self.wrong, -sure if self.wrong else sure, self.track_id


def read_probabilities(rows: Sequence[Row]) -> tuple[list[str], Array]:
    """The genres that a table has columns for, and its probabilities, shape (rows, genres)."""
    columns = [name for name in rows[0] if name.startswith(PROBABILITY)] if rows else []
    values = [[float(row[name]) for name in columns] for row in rows]
    return [name.removeprefix(PROBABILITY) for name in columns], np.array(values)


def by_track(rows: Sequence[Row]) -> dict[str, list[int]]:
    """Numbers of the rows of each track, in the order in which the tracks occur."""
    numbers: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        numbers.setdefault(row["track_id"], []).append(number)
    return numbers


def hear_tested(tracks: Sequence[Row], clips: Sequence[Row], *, by_clip: bool) -> list[Heard]:
    """Labelled tracks, from the rows of metrics/predictions.csv and data/clip_predictions.csv.

    Where folds are cut `by_clip`, both tables have a row for each clip, and the track's genre is
    that of most of its clips.
    """
    _, probabilities = read_probabilities(clips)
    votes = by_track(clips)
    heard = []
    for track_id, numbers in by_track(tracks).items():
        rows = [tracks[number] for number in numbers]
        own = votes.get(track_id)
        if not own:
            raise PipelineError(f"there are no predictions of the clips of {track_id}")
        said = [clips[number]["predicted"] for number in own]
        folds = [int(row["fold"]) for row in rows]
        seeds = 1 if by_clip else len(rows)
        heard.append(
            Heard(
                track_id,
                rows[0]["actual"],
                [max(said, key=said.count)] if by_clip else [row["predicted"] for row in rows],
                sorted(set(folds)),
                said,
                probabilities[own].reshape(seeds, len(own) // seeds, -1).mean(axis=0),
                rows[0]["group"],
            )
        )
    return heard


def hear_unlabelled(clips: Sequence[Row]) -> list[Heard]:
    """Unlabelled tracks, from the rows of data/unlabelled_clips.csv."""
    genres, probabilities = read_probabilities(clips)
    heard = []
    for track_id, numbers in by_track(clips).items():
        own = probabilities[numbers]
        best = genres[own.mean(axis=0).argmax()]
        votes = [genres[index] for index in own.argmax(axis=1)]
        heard.append(Heard(track_id, "", [best], [], votes, own))
    return heard


def as_data(heard: Heard, genres: Sequence[str], media: Media) -> dict[str, Any]:
    """The track as the script of a page takes it: genres by number, probabilities in permille."""
    return {
        "id": heard.track_id,
        "actual": genres.index(heard.actual) if heard.actual in genres else -1,
        "predicted": [genres.index(each) for each in heard.predicted],
        "folds": heard.folds,
        "votes": [genres.index(each) for each in heard.votes],
        "clips": np.rint(heard.probabilities * SCALE).astype(int).tolist(),
        "group": heard.group if heard.group != heard.track_id else "",
        "facts": heard.facts,
        "replica": heard.replica,
        "tags": heard.tags,
        "sound": media.sound,
        "picture": media.picture,
    }


def replicas_of(path: Path) -> Mapping[str, list[str]]:
    """For each track, sentences about the tracks that are the same recording."""
    found: dict[str, list[str]] = {}
    for row in read_csv(path):
        for one, other in (("track_id", "same_as"), ("same_as", "track_id")):
            said = f"the same recording as {row[other]} ({row['kind']})"
            found.setdefault(row[one], []).append(said)
    return found
