"""The page of a run: which tracks went wrong, what they sound like, and how it was made."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audio.clips import Pcm, from_pcm, to_pcm
from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.samples import Sample, by_store, read_samples
from pipeline.base.cli import duration
from pipeline.base.files import (
    AUGMENTED,
    CLIP_PREDICTIONS,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    REPLICAS,
    TRACKS,
    UNLABELLED,
    UNLABELLED_CLIPS,
    iterate_csv,
    read_csv,
    read_json,
)
from pipeline.base.types import Array
from pipeline.evaluation.predictions import read_predictions
from pipeline.evaluation.scores import Score
from pipeline.evaluation.summary import Histories, parse_histories
from pipeline.pages.charts import calibration_chart, curve_chart, interval_chart, score_chart
from pipeline.pages.figures import Figures, Record, caveats
from pipeline.pages.media import StoreMedia
from pipeline.pages.render import render
from pipeline.pages.track_list import (
    MOST_WRONG,
    ListedTrack,
    Media,
    first_listed,
    labelled_tracks,
    tracks_with_media,
    unlabelled_tracks,
)
from pipeline.store.store import Store

SCORES, CURVES = ("precision", "recall", "f1"), ("accuracy", "loss")
WRONG_FIRST, UNSURE_FIRST = "surely wrong first", "least sure first"  # as `sort_key` has them
MOST_SAMPLES = 3  # of each chain
# Keys of metrics/training.json that get a table of their own.
APART = ("parameters", "versions", "seconds", "seconds_of_folds")


@dataclass(frozen=True)
class Run:
    """A run as its stages recorded it.

    Attributes
    ----------
    dataset : str
        Name of its folder.
    figures : Figures
    labelled, unlabelled : list of ListedTrack
        Those that the page lists, in its order.
    unlisted : dict of str to int
        How many others each table has.
    histories : Histories
    records : dict
        Content of metrics/<name>.json for segment, replicas, split and training.
    """

    dataset: str
    figures: Figures
    labelled: list[ListedTrack]
    unlabelled: list[ListedTrack]
    unlisted: dict[Path, int]
    histories: Histories
    records: dict[str, Record]


def read_run(dataset: str) -> Run:
    """Read the outputs of the stages before; `dataset` is the name of the dataset's folder.

    Raises
    ------
    PipelineError
        One is missing or damaged.
    """
    tracks, clips = read_predictions(PREDICTIONS), read_predictions(CLIP_PREDICTIONS)
    accuracies = {
        row["level"]: Score(*(float(row[name]) for name in ("accuracy", "low", "high")))
        for row in read_csv(METRICS / "accuracies.csv", ["level", "accuracy", "low", "high"])
    }
    labelled = first_listed(labelled_tracks(tracks, clips))
    unknown = read_predictions(UNLABELLED_CLIPS)
    unlabelled = first_listed(unlabelled_tracks(unknown))
    records: dict[str, Record] = {
        name: read_json(METRICS / f"{name}.json")
        for name in ("segment", "replicas", "split", "training")
    }
    listed = {track.track_id for track in [*labelled, *unlabelled]}
    facts = _facts(listed, records["split"].get("group", "artist"))
    return Run(
        dataset,
        Figures(tracks, clips, read_json(METRICS / "summary.json"), accuracies),
        _with_facts(labelled, facts),
        _with_facts(unlabelled, facts),
        {
            PREDICTIONS: len(np.unique(tracks.track_ids)) - len(labelled),
            UNLABELLED: len(np.unique(unknown.track_ids)) - len(unlabelled),
        },
        parse_histories(HISTORIES.read_bytes(), str(HISTORIES)),
        records,
    )


def _facts(track_ids: Collection[str], group: str) -> dict[str, dict[str, Any]]:
    """The `facts` and `is_copy` of some tracks, from data/tracks.csv and data/replicas.csv."""
    of = "by" if group == "artist" else group
    copies: dict[str, list[str]] = {}
    for row in iterate_csv(REPLICAS):
        for one, other in (("track_id", "same_as"), ("same_as", "track_id")):
            sentence = f"the same recording as {row[other]} ({row['kind']})"
            copies.setdefault(row[one], []).append(sentence)
    facts = {}
    for row in iterate_csv(TRACKS):
        if row["track_id"] not in track_ids:
            continue
        known = [f"{of} {row['artist']}"] if row["artist"] else []
        known += [row["status"]] if row["status"] != "ok" else []
        same = copies.get(row["track_id"], [])
        facts[row["track_id"]] = {"facts": [*known, *same], "is_copy": bool(same)}
    return facts


def _with_facts(
    tracks: Iterable[ListedTrack], facts: Mapping[str, dict[str, Any]]
) -> list[ListedTrack]:
    return [replace(track, **facts.get(track.track_id, {})) for track in tracks]


def page(run: Run, choice: str | int, media: StoreMedia, augmented: Path = AUGMENTED) -> str:
    """Make the page of a run.

    Parameters
    ----------
    run : Run
    choice : str or int
        Which tracks come with sound and pictures, as `ReportParams.tracks`.
    media : StoreMedia
    augmented : Path
        Folder of the augmented samples.
    """
    figures, records = run.figures, run.records
    chosen = tracks_with_media(run.labelled, run.unlabelled, choice)
    return render(
        "report.html.j2",
        title=_title(records["training"]),
        subtitle=_subtitle(run),
        headline=figures.headline,
        caveats=caveats(**records),
        scores=figures.scores,
        charts=_charts(run),
        data=_browser_data(run, media.of_all(chosen), media),
        unlisted=run.unlisted,
        left_out=len(run.labelled) + len(run.unlabelled) - len(chosen),
        choice=choice,
        most_wrong=MOST_WRONG,
        samples=sample_pairs(augmented, media),
        by_clip=figures.by_clip,
        made=how_it_was_made(records["training"], records["split"]),
    )


def _title(training: Record) -> str:
    trained = training.get("parameters", {})
    names = [str(trained[name]) for name in ("model", "feature") if name in trained]
    return f"Predictions of {' on '.join(names) or 'the models'}"


def _subtitle(run: Run) -> list[tuple[str, str]]:
    split, trained = run.records["split"], run.records["training"].get("parameters", {})
    counted = "seeds" if split.get("judged") in ("test", "valid") else "folds"
    facts = {
        "model": trained.get("model", ""),
        "feature": trained.get("feature", ""),
        "dataset": f"{run.dataset} ({split.get('dataset_digest', 'unknown')})",
        "protocol": f"{split.get('protocol', '')}, {split.get('folds', '')} {counted}",
        "tracks": len(run.labelled) + run.unlisted[PREDICTIONS],
        "genres": len(run.figures.tracks.genres),
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _charts(run: Run) -> dict[str, Any]:
    figures = run.figures
    scores = sorted(figures.scores, key=lambda each: each.f1.value if each.f1 else 0, reverse=True)
    votes = figures.votes
    return {
        "scores": {measure: score_chart(scores, measure) for measure in SCORES},
        "calibration": calibration_chart(figures.calibration),
        "votes": votes and interval_chart(votes, label=90, plot=260),
        "curves": {measure: curve_chart(run.histories, measure) for measure in CURVES},
    }


def _browser_data(run: Run, media: Mapping[str, Media], store: StoreMedia) -> dict[str, Any]:
    """Return the data that the scripts of templates/browser/ read."""

    def data(tracks: Sequence[ListedTrack]) -> list[dict[str, Any]]:
        tagged = (replace(track, tags=store.tags(track.track_id)) for track in tracks)
        return [track.as_data(media.get(track.track_id, Media())) for track in tagged]

    return {
        "genres": run.figures.tracks.genres,
        "seconds": store.clips.description["seconds"],
        "picture": store.caption,
        "confusion": run.figures.confusion,
        "sets": [
            {"name": "Labelled", "order": WRONG_FIRST, "tracks": data(run.labelled)},
            {"name": "Unlabelled", "order": UNSURE_FIRST, "tracks": data(run.unlabelled)},
        ],
    }


def sample_pairs(folder: Path, media: StoreMedia) -> list[dict[str, str]]:
    """A few augmented samples of each chain in `folder`, of as many genres as possible.

    Each has its `chain`, its `parent`, what was `drawn` for it, and addresses of the `picture` and
    `sound` of both; a chain that acts on pictures alone has no sounds.
    """
    return [
        _sample_pair(sample, row, media)
        for chain, tracks in by_store(read_samples(folder)).items()
        for sample, row in _of_different_genres(folder / chain, tracks)
    ]


def _of_different_genres(
    folder: Path, tracks: Mapping[str, list[Sample]]
) -> Iterator[tuple[Sample, Array]]:
    genres: set[str] = set()
    with Store(folder) as store:
        for track_id, samples in sorted(tracks.items()):
            if len(genres) < MOST_SAMPLES and samples[0].genre not in genres:
                genres.add(samples[0].genre)
                yield samples[0], store.rows(track_id)[0]


def _sample_pair(sample: Sample, row: Array, media: StoreMedia) -> dict[str, str]:
    parent = media.features.rows(sample.track_id)[sample.clip]
    pcm = media.clips.rows(sample.track_id)[sample.clip]
    changed = _changed(sample, pcm)
    make = media.maker
    return {
        "chain": sample.chain,
        "parent": f"{sample.track_id}, clip {sample.clip + 1}",
        "drawn": _drawn(sample.states),
        "parent_picture": make.picture([parent], [pcm], 1),
        "picture": make.picture([row], [pcm if changed is None else changed], 1),
        "parent_sound": "" if changed is None else make.sound([pcm]),
        "sound": "" if changed is None else make.sound([changed]),
    }


def _changed(sample: Sample, pcm: Pcm) -> Pcm | None:
    """The clip after the kinds that act on sound; None if there are none."""
    steps = [(augmentations()[state["kind"]], state) for state in sample.states]
    on_sound = [step for step in steps if step[0].acts_on == "sound"]
    if not on_sound:
        return None
    sound = from_pcm(pcm)
    for kind, state in on_sound:
        sound = kind.apply(sound, state)
    return to_pcm(sound)


def _drawn(states: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for state in states
        for name, value in state.items()
        if name not in ("kind", "seed") and not isinstance(value, list)
    )


@dataclass(frozen=True)
class RecordTable:
    """Names and values under a title, with a note on how to read them."""

    title: str
    rows: list[tuple[str, str]]
    note: str = ""


def how_it_was_made(training: Record, split: Record) -> list[RecordTable]:
    """Tables from metrics/training.json and metrics/split.json.

    What a file lacks is in no table.
    """
    rest = {key: value for key, value in training.items() if key not in APART}
    tables = [
        *_parameter_tables("Run", training.get("parameters", {})),
        RecordTable("Training", _cells(rest)),
        RecordTable("Versions", _cells(training.get("versions", {})), "Those that training used."),
        _durations(training),
        RecordTable("Folds", _cells(split)),
    ]
    return [table for table in tables if table.rows]


def _parameter_tables(title: str, parameters: Record, prefix: str = "") -> Iterator[RecordTable]:
    """A table of the keys without a section, then one for each section, such as models.cnn."""
    sections = {key: value for key, value in parameters.items() if isinstance(value, dict)}
    rest = {key: value for key, value in parameters.items() if key not in sections}
    yield RecordTable(title, _cells(rest))
    for key, section in sections.items():
        yield from _parameter_tables(f"{prefix}{key}", section, f"{prefix}{key}.")


def _durations(training: Record) -> RecordTable:
    """The times that it took to train the folds, whenever that was."""
    seconds = {f"fold {fold}": took for fold, took in training.get("seconds_of_folds", {}).items()}
    if "seconds" in training:
        seconds["all folds, one after another"] = training["seconds"]
    rows = [(name, duration(took)) for name, took in seconds.items()]
    return RecordTable("Time of training", rows, "A fold in the cache took it in an earlier run.")


def _cells(record: Record) -> list[tuple[str, str]]:
    return [
        (key, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for key, value in record.items()
    ]
