"""A picture of what each kind of augmentation does: a clip with samples of it beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont

from pipeline.augmentation.kind import Chain, generator
from pipeline.augmentation.samples import target_of
from pipeline.augmentation.target import AugmentParams, Target
from pipeline.base.files import CLIPS, FEATURE_STORES
from pipeline.base.types import Array
from pipeline.dataset.tracks import Track
from pipeline.store.store import Store

SAMPLES = 3  # of each parent
PANEL = 168, 120  # pixels: width, height
GAP, CAPTION, TITLE = 8, 18, 30
BLOCKS = 2  # side by side
INK, FAINT, PAPER = "#1a1a1a", "#666666", "white"


@dataclass(frozen=True)
class Panel:
    """A picture with a line of text below it."""

    picture: Image.Image
    caption: str


@dataclass(frozen=True)
class Strip:
    """A parent and samples of it, under a title."""

    title: str
    panels: list[Panel]


def write_sheet(
    augment: AugmentParams, feature: str, tracks: Sequence[Track], seed: int, path: Path
) -> None:
    """Draw samples of every kind that can change the feature, and of the chains in use.

    The parents are first clips of tracks that are drawn by the seed, one genre after another.
    """
    with Store(FEATURE_STORES / feature) as rows, Store(CLIPS) as sound:
        target = target_of(rows)
        parents = _parents([track for track in tracks if track.track_id in rows], seed)
        chains = augment.applicable_chains(target) if parents else []
        strips = []
        for number, chain in enumerate(chains):
            track_id = parents[number % len(parents)].track_id
            row, pcm = rows.rows(track_id)[0], sound.rows(track_id)[0]
            used = augment.mode != "none" and chain in augment.kinds
            title = f"{chain.name}{' (in use)' if used else ''}"
            strips.append(Strip(title, _panels(chain, target, track_id, row, pcm, seed)))
    path.parent.mkdir(parents=True, exist_ok=True)
    _compose(strips, BLOCKS, 1 + SAMPLES).save(path, optimize=True)


def write_pair(
    title: str, parent: Array, sample: Array, states: Sequence[dict[str, Any]], path: Path
) -> None:
    """Draw a sample beside its parent."""
    panels = [
        Panel(_draw_row(parent, parent), "parent"),
        Panel(_draw_row(sample, parent), _caption(states)),
    ]
    _compose([Strip(title, panels)], 1, len(panels)).save(path, "PNG", optimize=True)


def _parents(tracks: Sequence[Track], seed: int) -> list[Track]:
    labelled = [track for track in tracks if track.genre]
    chosen = {labelled[i].genre: labelled[i] for i in generator(seed).permutation(len(labelled))}
    return [chosen[genre] for genre in sorted(chosen)]


def _panels(
    chain: Chain, target: Target, track_id: str, row: Array, pcm: Array, seed: int
) -> list[Panel]:
    panels = [Panel(_draw_row(row, row), track_id)]
    for copy in range(SAMPLES if chain.is_random else 1):
        states = chain.draw(generator(seed, chain.name, track_id, "0", str(copy)))
        sample = target.make_sample(chain.kinds, states, row, pcm)
        panels.append(Panel(_draw_row(sample, row), _caption(states)))
    return panels


def _caption(states: Sequence[dict[str, Any]]) -> str:
    return ", ".join(
        f"{name} {' '.join(f'{number:.2g}' for number in np.atleast_1d(value))}"
        for state in states
        for name, value in state.items()
        if name not in ("kind", "seed")
    )


def _draw_row(row: Array, parent: Array) -> Image.Image:
    """A row in the parent's range: a picture with low frequencies at the bottom, or a curve."""
    low, high = float(parent.min()), float(parent.max())
    scaled = np.clip((row.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    if row.ndim != 3:
        return _curve(scaled.ravel())
    rgb = row.dtype == np.uint8 and row.shape[-1] == 3
    colours = row if rgb else colormaps["magma"](scaled.mean(axis=-1), bytes=True)[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(colours[::-1]))
    return picture.resize(PANEL, Image.Resampling.NEAREST)


def _curve(scaled: Array) -> Image.Image:
    picture = Image.new("RGB", PANEL, "#f2f2f2")
    x = np.linspace(0, PANEL[0] - 1, len(scaled))
    y = (1 - scaled) * (PANEL[1] - 1)
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    ImageDraw.Draw(picture).line(points, fill=INK)
    return picture


def _compose(strips: Sequence[Strip], blocks: int, panels: int) -> Image.Image:
    """Strips of up to `panels` pictures, in `blocks` side by side."""
    rows = -(-len(strips) // blocks)
    width = panels * (PANEL[0] + GAP) + 2 * GAP
    height = TITLE + PANEL[1] + CAPTION + GAP
    sheet = Image.new("RGB", (blocks * width, rows * height + GAP), PAPER)
    for number, strip in enumerate(strips):
        corner = number // rows * width + GAP, number % rows * height
        _paste(sheet, strip, *corner)
    return sheet


def _paste(sheet: Image.Image, strip: Strip, left: int, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top + GAP), strip.title, INK, ImageFont.load_default(16))
    small = ImageFont.load_default(11)
    for number, panel in enumerate(strip.panels):
        x, y = left + number * (PANEL[0] + GAP), top + TITLE
        sheet.paste(panel.picture, (x, y))
        draw.text((x, y + PANEL[1] + 2), _shorten(panel.caption, small), FAINT, small)


def _shorten(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(text) <= PANEL[0]:
        return text
    while font.getlength(f"{text}...") > PANEL[0]:
        text = text[:-1]
    return f"{text}..."
