"""Pure: intervals and gains as pictures (SVG) that a page can hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor

from pipeline.base.terminal import points
from pipeline.comparison.paired import Genre

WIDTH, LABEL, MARGIN, ROW = 880, 250, 24, 44  # pixels
LONGEST_LABEL, LONGEST_NOTE = 32, 40  # characters that fit into LABEL
MINUS, SEPARATOR = "\N{MINUS SIGN}", " · "
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Estimate:
    """A row of an interval chart: shares (1 is 100 %), and the CSS class of its colour.

    `names` and `figures` stand below `label`; where there is no room, names are cut, not figures.
    """

    label: str
    names: str
    figures: str
    value: float
    low: float
    high: float
    colour: str


@dataclass(frozen=True)
class Scale:
    """Shares from `low` to `high` along the width that labels leave."""

    low: float
    high: float
    step: float

    def x(self, share: float) -> float:
        """Pixels from the left."""
        room = WIDTH - LABEL - 2 * MARGIN
        return LABEL + MARGIN + room * (share - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round shares from end to end."""
        return [
            self.low + self.step * i for i in range(round((self.high - self.low) / self.step) + 1)
        ]


def fit_scale(shares: Sequence[float]) -> Scale:
    """The narrowest scale of at most ten round steps that holds `shares`."""
    low, high = min(shares), max(shares)
    step = next((step for step in STEPS if (high - low) / step <= 8), STEPS[-1])
    low, high = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
    return Scale(low, max(high, low + step), step)


def signed_points(share: float) -> str:
    """As `points`, with a minus as wide as the plus."""
    return points(share).replace("-", MINUS)


def interval_chart(estimates: Sequence[Estimate], signed: bool) -> str:
    """Each estimate as a dot on its interval; where `signed`, beside a line at 0."""
    shares = [share for each in estimates for share in (each.low, each.value, each.high)]
    scale = fit_scale([*shares, *([0.0] if signed else [])])
    height = ROW * len(estimates) + 34
    return _svg(height, [*_grid(scale, height - 26, signed), *_dots(estimates, scale)])


def genre_chart(genres: Sequence[Genre]) -> str:
    """Tracks that turned right as bars to the right, that turned wrong to the left."""
    ordered = sorted(genres, key=lambda each: (each.lost - each.gained, -each.gained, each.genre))
    most = max(max(each.gained, each.lost) for each in ordered) or 1
    middle, row = LABEL + (WIDTH - LABEL) / 2, 28
    unit = (WIDTH - LABEL - 120) / 2 / most
    height = row * len(ordered) + 8
    line = f'<line class="zero" x1="{middle}" x2="{middle}" y1="0" y2="{height}"/>'
    bars = [_bars(g, i * row + 4, middle, unit) for i, g in enumerate(ordered)]
    return _svg(height, ["".join(bars), line])


def _bars(genre: Genre, y: float, middle: float, unit: float) -> str:
    baseline = y + 15
    lost, gained = unit * genre.lost, unit * genre.gained
    parts = [_text(0, baseline, _cut(genre.genre, LONGEST_LABEL), "label", genre.genre)]
    if genre.lost:
        parts.append(_bar("lost", middle - lost, y, lost))
        parts.append(_text(middle - lost - 8, baseline, f"{MINUS}{genre.lost}", "end note"))
    if genre.gained:
        parts.append(_bar("gained", middle, y, gained))
        parts.append(_text(middle + gained + 8, baseline, f"+{genre.gained}", "note"))
    return "".join(parts)


def _bar(colour: str, x: float, y: float, width: float) -> str:
    return (
        f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="20" rx="3"/>'
    )


def _grid(scale: Scale, bottom: float, signed: bool) -> Iterator[str]:
    for tick in scale.ticks:
        x, at_zero = scale.x(tick), signed and abs(tick) < 1e-9
        name = "zero" if at_zero else "grid"
        yield f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>'
        label = signed_points(tick).removesuffix(".0") if signed else f"{100 * tick:.0f} %"
        yield _text(x, bottom + 18, "0" if at_zero else label, "middle note")


def _dots(estimates: Sequence[Estimate], scale: Scale) -> Iterator[str]:
    for number, each in enumerate(estimates):
        y = ROW * (number + 0.5)
        low, high, x = scale.x(each.low), scale.x(each.high), scale.x(each.value)
        yield _text(0, y - 2, _cut(each.label, LONGEST_LABEL), "label", each.label)
        yield _note(y + 15, each)
        yield (
            f'<g class="{each.colour}"><line class="whisker" x1="{low:.1f}" x2="{high:.1f}" '
            f'y1="{y}" y2="{y}"/><circle cx="{x:.1f}" cy="{y}" r="6.5"/></g>'
        )


def _note(y: float, each: Estimate) -> str:
    room = LONGEST_NOTE - len(SEPARATOR) - len(each.figures)
    shown = _joined(_cut(each.names, room), each.figures)
    return _text(0, y, shown, "note", _joined(each.names, each.figures))


def _joined(names: str, figures: str) -> str:
    return f"{names}{SEPARATOR}{figures}" if names else figures


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room - 1]}…"


def _text(x: float, y: float, text: str, classes: str, whole: str = "") -> str:
    """`whole` shows where a pointer rests on `text`, which may be cut."""
    title = f"<title>{escape(whole)}</title>" if whole else ""
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}">{escape(text)}{title}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'
