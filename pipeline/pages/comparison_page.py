"""The page of a comparison."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pipeline.audio import encode
from pipeline.audio.encode import SoundEncoder
from pipeline.base.files import CLIPS, TRACKS
from pipeline.base.parallel import map_tracks
from pipeline.dataset.tracks import read_tracks
from pipeline.evaluation.summary import Histories
from pipeline.folds.table import dataset_digest
from pipeline.pages import tables
from pipeline.pages.charts import (
    OTHER,
    REFERENCE,
    Estimate,
    curve_chart,
    for_every_width,
    genre_chart,
    interval_chart,
)
from pipeline.pages.media import encoded_sound, inside
from pipeline.pages.render import render
from pipeline.runs.comparison import Comparison, Difference, Side
from pipeline.store.store import Store

Charts = dict[str, str]  # by the width of the page

MOST_CHANGED = 500  # rows of a table; a page with more is slow to open
MOST_SOUNDS = 100  # tracks with sound, which is within the page: 16 MB if each takes 30 s


def page(
    comparison: Comparison,
    sounds: Mapping[str, str] | None = None,
    histories: Mapping[str, Histories] | None = None,
) -> str:
    """Make one HTML page that needs no other file.

    Parameters
    ----------
    comparison : Comparison
    sounds : mapping of track id to str, optional
        Addresses of the sounds that can be played, as `changed_sounds` returns them.
    histories : mapping of revision to Histories, optional
        The page has training curves of the revisions that are in it.
    """
    reference = comparison.reference
    return render(
        "comparison.html.j2",
        title=f"{', '.join(side.name for side in comparison.others)} against {reference.name}",
        heading=tables.heading(comparison),
        reference=reference.name,
        accuracies={
            "chart": _accuracies(comparison),
            "table": tables.sides_table(comparison.sides),
        },
        parameters=tables.parameters_table(comparison.sides, comparison.differing),
        matrix=tables.matrix_table(comparison) if comparison.matrix else None,
        differences={
            "chart": _differences(comparison),
            "table": tables.differences_table(tables.named_differences(comparison)),
        },
        curves={name: curve_chart(each, "accuracy") for name, each in (histories or {}).items()},
        sides=[_details(reference, *pair) for pair in comparison.pairs],
        most_changed=MOST_CHANGED,
        sounds=sounds or {},
        notes=tables.notes(comparison),
    )


def changed_sounds(comparison: Comparison, dataset: str) -> dict[str, str]:
    """The sounds of the first MOST_SOUNDS tracks that changed sides, as data URIs.

    There are none unless the clips that are stored here are those of the compared `dataset`, by
    its digest in metrics/split.json.
    """
    if not (TRACKS.is_file() and CLIPS.is_dir()):
        return {}
    labelled = [track for track in read_tracks() if track.genre]
    if dataset_digest(labelled) != dataset:
        return {}
    pairs = comparison.differences
    changed = [track.track_id for pair in pairs for track in (*pair.gained, *pair.lost)]
    chosen = list(dict.fromkeys(changed))[:MOST_SOUNDS]
    with Store(CLIPS) as store:
        encoder = SoundEncoder(int(store.description["sample_rate"]))

        def sound(track_id: str) -> str:
            return inside(encoded_sound(store, track_id, encoder), encode.MIME)

        sounds = map_tracks(sound, chosen, total=len(chosen), label="sounds", light=True)
        return dict(zip(chosen, sounds, strict=True))


def _accuracies(comparison: Comparison) -> Charts:
    estimates = [
        Estimate(
            side.name,
            side.accuracy,
            side.low,
            side.high,
            REFERENCE if side is comparison.reference else OTHER,
        )
        for side in comparison.sides
    ]
    return for_every_width(partial(interval_chart, estimates))


def _differences(comparison: Comparison) -> Charts:
    estimates = [
        Estimate(name, each.difference, each.low, each.high)
        for name, each in tables.named_differences(comparison)
    ]
    return for_every_width(partial(interval_chart, estimates, signed=True))


def _details(reference: Side, side: Side, difference: Difference) -> dict[str, Any]:
    changes = {each.genre: (each.gained, each.lost) for each in difference.genres}
    return {
        "name": side.name,
        "genres": {
            "chart": for_every_width(partial(genre_chart, changes)),
            "table": tables.genres_table(reference.name, side.name, difference),
        },
        "gained": difference.gained,
        "lost": difference.lost,
    }
