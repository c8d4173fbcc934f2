"""The page of a run: which tracks went wrong, what they sound like, and how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.base.paths import (
    AUGMENTED,
    CLIP_PREDICTIONS,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    REPLICAS,
    TRACKS,
    UNLABELLED_CLIPS,
)
from pipeline.base.tables import read_csv, read_json
from pipeline.pages.charts import interval_chart
from pipeline.pages.figures import Figures, read_figures
from pipeline.pages.heard import Heard, as_data, hear_tested, hear_unlabelled, replicas_of
from pipeline.pages.media import Media, Studio
from pipeline.pages.notes import notes
from pipeline.pages.params import ALL, WRONG
from pipeline.pages.render import render
from pipeline.pages.report_charts import (
    CURVES,
    Histories,
    calibration_chart,
    curve_chart,
    score_chart,
)
from pipeline.pages.samples import show_samples

MOST_UNLABELLED = 100  # with sound, unless all tracks have it
MEASURES = ("precision", "recall", "f1")


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


def page(run: Run, tracks: str | int, studio: Studio, augmented: Path = AUGMENTED) -> str:
    """The page, with the sound and pictures of `report.tracks`."""
    chosen = with_media(run, tracks)
    media = studio.all_media([heard.track_id for heard in chosen])
    return render(
        "report.html.j2",
        title=_title(run),
        subtitle=_subtitle(run),
        headline=run.figures.headline,
        notes=notes(run.segment, run.replicas, run.split),
        scores=run.figures.scores,
        charts=_charts(run),
        listen=_browser(run, media, studio),
        left_out=len(run.labelled) + len(run.unlabelled) - len(chosen),
        choice=tracks,
        samples=show_samples(augmented, studio),
        by_clip=run.figures.by_clip,
        made=_made(run),
    )


def with_media(run: Run, tracks: str | int) -> list[Heard]:
    """The tracks that are heard and seen on the page."""
    if tracks == ALL:
        return [*run.labelled, *run.unlabelled]
    if tracks == WRONG:
        wrong = [heard for heard in run.labelled if heard.wrong]
        return [*wrong, *run.unlabelled[:MOST_UNLABELLED]]
    return [*run.labelled[: int(tracks)], *run.unlabelled[: int(tracks)]]


def flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Dotted keys and values of nested mappings."""
    rows: list[tuple[str, str]] = []
    for key, value in record.items():
        if isinstance(value, dict):
            rows += flat(value, f"{prefix}{key}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((f"{prefix}{key}", text))
    return rows


def _made(run: Run) -> dict[str, list[tuple[str, str]]]:
    record = dict(run.record)
    parameters = record.pop("parameters", {})
    return {"Parameters": flat(parameters), "Training": flat(record), "Folds": flat(run.split)}


def _title(run: Run) -> str:
    trained = run.record.get("parameters", {})
    names = [str(trained[name]) for name in ("model", "feature") if name in trained]
    return f"What {' on '.join(names) or 'the models'} heard"


def _subtitle(run: Run) -> list[tuple[str, str]]:
    split, trained = run.split, run.record.get("parameters", {})
    counted = "seeds" if split.get("judged") in ("test", "valid") else "folds"
    wanted = {
        "model": trained.get("model", ""),
        "feature": trained.get("feature", ""),
        "dataset": f"{run.dataset} ({split.get('dataset_digest', 'unknown')})",
        "protocol": f"{split.get('protocol', '')}, {split.get('folds', '')} {counted}",
        "tracks": str(len(run.labelled)),
        "genres": str(len(run.figures.genres)),
    }
    return [(name, str(value)) for name, value in wanted.items() if value]


def _charts(run: Run) -> dict[str, Any]:
    figures = run.figures
    scores = sorted(figures.scores, key=lambda each: each.f1.value if each.f1 else 0, reverse=True)
    return {
        "scores": {measure: score_chart(scores, measure) for measure in MEASURES},
        "calibration": calibration_chart(figures.calibration),
        "votes": "" if figures.by_clip else _votes(figures),
        "curves": {measure: curve_chart(run.histories, measure) for measure in CURVES},
    }


def _votes(figures: Figures) -> str:
    return interval_chart(figures.votes, "accuracy in %", signed=False, label=90, plot=380)


def _browser(run: Run, media: Mapping[str, Media], studio: Studio) -> dict[str, Any]:
    genres = run.figures.genres

    def shown(tracks: Sequence[Heard]) -> list[dict[str, Any]]:
        return [as_data(heard, genres, media.get(heard.track_id, Media())) for heard in tracks]

    return {
        "genres": genres,
        "seconds": studio.sound.description["seconds"],
        "picture": studio.painter.caption or str(studio.rows.description.get("name", "feature")),
        "confusion": run.figures.confusion(),
        "sets": [
            {"name": "Labelled", "tracks": shown(run.labelled)},
            {"name": "Unlabelled", "tracks": shown(run.unlabelled)},
        ],
    }


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
