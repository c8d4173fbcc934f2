"""What the stages left of a run, and which of its tracks a page has sound and pictures of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.base.paths import (
    CLIP_PREDICTIONS,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    REPLICAS,
    TRACKS,
    UNLABELLED_CLIPS,
)
from pipeline.base.tables import read_csv, read_json
from pipeline.pages.curves import Histories
from pipeline.pages.figures import Figures, read_figures
from pipeline.pages.heard import Heard, hear_tested, hear_unlabelled, replicas_of
from pipeline.pages.params import ALL, WRONG

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
