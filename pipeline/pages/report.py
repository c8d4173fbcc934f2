"""The page of a run: which tracks went wrong, what they sound like, and how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.base.paths import AUGMENTED
from pipeline.pages.charts import interval_chart
from pipeline.pages.curves import CURVES, curve_chart
from pipeline.pages.figures import Figures
from pipeline.pages.heard import Heard, as_data
from pipeline.pages.made import how_it_was_made
from pipeline.pages.media import Media, Studio
from pipeline.pages.notes import notes
from pipeline.pages.render import render
from pipeline.pages.report_charts import calibration_chart, score_chart
from pipeline.pages.run import Run, with_media
from pipeline.pages.samples import show_samples

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
