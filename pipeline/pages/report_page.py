"""The page of a run: which tracks went wrong, what they sound like, and how it was made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.audio import encode
from pipeline.audio.clips import Pcm, from_pcm, to_pcm
from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.samples import Sample, by_store, read_samples
from pipeline.base.files import AUGMENTED
from pipeline.base.types import Array
from pipeline.pages.charts import (
    CURVES,
    calibration_chart,
    curve_chart,
    interval_chart,
    score_chart,
)
from pipeline.pages.figures import Figures, how_it_was_made, notes
from pipeline.pages.listening import Heard, Media, Run, as_data, with_media
from pipeline.pages.media import PICTURE_MIME, Studio
from pipeline.pages.render import render
from pipeline.store.store import Store

MOST = 3  # samples of each chain on the page

Shown = dict[str, Any]


def show_samples(folder: Path, studio: Studio) -> list[Shown]:
    """A few samples of each chain in `folder`, of as many genres as can be.

    Each has the names of its chain and parent, what was drawn, and addresses of `picture`,
    `parent_picture`, `sound` and `parent_sound`; the last two are empty for a chain that acts on
    pictures alone.
    """
    return [
        _show(sample, row, studio)
        for chain, tracks in by_store(read_samples(folder)).items()
        for sample, row in _rows(folder / chain, tracks)
    ]


def _rows(folder: Path, tracks: dict[str, list[Sample]]) -> Iterator[tuple[Sample, Array]]:
    genres: set[str] = set()
    with Store(folder) as store:
        for track_id, samples in sorted(tracks.items()):
            if len(genres) < MOST and samples[0].genre not in genres:
                genres.add(samples[0].genre)
                yield samples[0], store.rows(track_id)[0]


def _show(sample: Sample, row: Array, studio: Studio) -> Shown:
    parent = studio.rows.rows(sample.track_id)[sample.clip]
    pcm = studio.sound.rows(sample.track_id)[sample.clip]
    changed = _changed(sample, pcm)
    sounds = ("", "")
    if changed is not None:
        sounds = _sound(pcm, studio), _sound(changed, studio)
    return {
        "chain": sample.chain,
        "parent": f"{sample.track_id}, clip {sample.clip + 1}",
        "drawn": _drawn(sample.states),
        "parent_picture": _picture(parent, pcm, studio),
        "picture": _picture(row, pcm if changed is None else changed, studio),
        "parent_sound": sounds[0],
        "sound": sounds[1],
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


def _sound(pcm: Pcm, studio: Studio) -> str:
    return studio.keep(studio.sounds.encoder([pcm]), encode.MIME)


def _picture(row: Array, pcm: Pcm, studio: Studio) -> str:
    return studio.keep(studio.painter.paint([row], [pcm], 1), PICTURE_MIME)


def _drawn(states: Sequence[dict[str, Any]]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for state in states
        for name, value in state.items()
        if name not in ("kind", "seed") and not isinstance(value, list)
    )


MEASURES = ("precision", "recall", "f1")
WRONG_FIRST, UNSURE_FIRST = "surely wrong first", "least sure first"  # orders of `Heard.worth`


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
        made=how_it_was_made(run.record, run.split),
    )


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
    return interval_chart(figures.votes, "accuracy in %", signed=False, label=90, plot=260)


def _browser(run: Run, media: Mapping[str, Media], studio: Studio) -> dict[str, Any]:
    genres = run.figures.genres

    def shown(tracks: Sequence[Heard]) -> list[dict[str, Any]]:
        told = [replace(heard, tags=studio.tags(heard.track_id)) for heard in tracks]
        return [as_data(heard, genres, media.get(heard.track_id, Media())) for heard in told]

    return {
        "genres": genres,
        "seconds": studio.sound.description["seconds"],
        "picture": studio.painter.caption or str(studio.rows.description.get("name", "feature")),
        "confusion": run.figures.confusion(),
        "sets": [
            {"name": "Labelled", "order": WRONG_FIRST, "tracks": shown(run.labelled)},
            {"name": "Unlabelled", "order": UNSURE_FIRST, "tracks": shown(run.unlabelled)},
        ],
    }
