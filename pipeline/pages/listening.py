"""The tracks of a run with their predictions, as the browser of pages/templates takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    CLIP_PREDICTIONS,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    REPLICAS,
    TRACKS,
    UNLABELLED_CLIPS,
    read_csv,
    read_json,
)
from pipeline.base.types import STRICT, Array
from pipeline.pages.charts import Histories
from pipeline.pages.figures import (
    Figures,
    Row,
    read_figures,
    read_probabilities,
)

SCALE = 1000  # probabilities are integers on the page, which is half as long


@dataclass(frozen=True)
class Media:
    """Addresses of a track's sound and picture in a page; empty where it has none."""

    sound: str = ""
    picture: str = ""


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


MOST_UNLABELLED = 100  # with sound, unless all tracks have it


@dataclass(frozen=True)
class Run:
    """What the stages left of a run.

    Attributes
    ----------
    dataset : str
        Name of its folder.
    figures : Figures
    labelled, unlabelled : list of Heard
        Both sorted by what is worth a look first.
    histories : mapping of fold to rows
    segment, replicas, split, record : dict
        metrics/segment.json, replicas.json, split.json and training.json.
    """

    dataset: str
    figures: Figures
    labelled: list[Heard]
    unlabelled: list[Heard]
    histories: Histories
    segment: dict[str, Any]
    replicas: dict[str, Any]
    split: dict[str, Any]
    record: dict[str, Any]


def read_run(dataset: str) -> Run:
    """Read the outputs of the stages before; `dataset` is the name of the dataset's folder."""
    names = ("segment", "replicas", "split", "training")
    segment, replicas, split, record = (read_json(METRICS / f"{name}.json") for name in names)
    by_clip = split.get("protocol") == "clip"
    tracks, clips = read_csv(PREDICTIONS), read_csv(CLIP_PREDICTIONS)
    figures = read_figures(tracks, clips, by_clip=by_clip)
    facts = _facts()
    return Run(
        dataset,
        figures,
        _sorted(hear_tested(tracks, clips, by_clip=by_clip), facts, figures.genres),
        _sorted(hear_unlabelled(read_csv(UNLABELLED_CLIPS)), facts, figures.genres),
        _read_histories(HISTORIES),
        segment,
        replicas,
        split,
        record,
    )


def with_media(run: Run, tracks: str | int) -> list[Heard]:
    """The tracks that are heard and seen on the page."""
    if tracks == ALL:
        return [*run.labelled, *run.unlabelled]
    if tracks == WRONG:
        wrong = [heard for heard in run.labelled if heard.wrong]
        return [*wrong, *run.unlabelled[:MOST_UNLABELLED]]
    return [*run.labelled[: int(tracks)], *run.unlabelled[: int(tracks)]]


def _facts() -> dict[str, tuple[list[str], bool]]:
    """What data/tracks.csv and data/replicas.csv say of each track, and whether it is a replica."""
    replicas = replicas_of(REPLICAS)
    found = {}
    for row in read_csv(TRACKS):
        known = [f"by {row['artist']}"] if row["artist"] else []
        known += [row["status"]] if row["status"] != "ok" else []
        same = replicas.get(row["track_id"], [])
        found[row["track_id"]] = [*known, *same], bool(same)
    return found


def _sorted(
    tracks: Sequence[Heard], facts: Mapping[str, tuple[list[str], bool]], genres: Sequence[str]
) -> list[Heard]:
    known = [
        replace(heard, facts=told, replica=replica)
        for heard in tracks
        for told, replica in [facts.get(heard.track_id, ([], False))]
    ]
    return sorted(known, key=lambda heard: heard.worth(genres))


def _read_histories(path: Path) -> dict[str, list[dict[str, float]]]:
    histories: dict[str, list[dict[str, float]]] = {}
    for row in read_csv(path):
        numbers = {name: float(value) for name, value in row.items() if name != "fold"}
        histories.setdefault(row["fold"], []).append(numbers)
    return histories


WRONG, ALL = "wrong", "all"


def _known(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value not in (WRONG, ALL) and not number:
        raise ValueError(f"should be {WRONG}, {ALL} or a number of tracks")
    return value


@strict_dataclass(frozen=True, config=STRICT)
class ReportParams:
    """`tracks`: those judged wrong, all, or so many of those that are worth a look first."""

    tracks: Annotated[Literal["wrong", "all"] | int, BeforeValidator(_known)]
