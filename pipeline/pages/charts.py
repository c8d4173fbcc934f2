"""Charts as SVG that a page holds, drawn by Altair in the colours that the page's style defines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Literal, Protocol

import altair as alt

# Pixels: room for the names on the left, and for what is drawn.
LABEL, PLOT = 230, 600
NARROW_LABEL, NARROW_PLOT = 104, 190  # on a phone
TICK = 75  # pixels from one to the next, about
INTERVAL_ROW, GENRE_ROW = 46, 28  # pixels
FONT = "system-ui, sans-serif"
# CSS variables of templates/style.css, so that charts follow the reader's light or dark theme.
INK, SOFT, LINE = "var(--ink)", "var(--soft)", "var(--line)"
REFERENCE, OTHER = "var(--reference)", "var(--other)"
GAINED, LOST = "var(--gained)", "var(--lost)"
MINUS = "\N{MINUS SIGN}"

Layers = list[alt.Chart]


@dataclass(frozen=True)
class Estimate:
    """One row of an interval chart.

    Attributes
    ----------
    value, low, high : float
        In the chart's unit.
    figure : str
        What is written above the dot.
    colour : str
        `REFERENCE` or `OTHER`.
    """

    label: str
    value: float
    low: float
    high: float
    figure: str
    colour: str = OTHER


def for_every_width(draw: Callable[[int, int], str]) -> dict[str, str]:
    """A chart for wide pages and one for narrow ones: small text could not be read.

    Parameters
    ----------
    draw : callable
        Takes the widths of the names and of what is drawn, in pixels.
    """
    return {"broad": draw(LABEL, PLOT), "narrow": draw(NARROW_LABEL, NARROW_PLOT)}


def interval_chart(
    estimates: Sequence[Estimate],
    unit: str,
    *,
    signed: bool,
    label: int = LABEL,
    plot: int = PLOT,
) -> str:
    """Each estimate as a dot on a band, its interval; where `signed`, around a line at zero.

    Parameters
    ----------
    estimates : sequence of Estimate
        At least one.
    unit : str
        Title of the axis.
    signed : bool
        The values are differences.
    label, plot : int
        Widths of the names and of what is drawn, in pixels.
    """
    rows = alt.Chart(alt.InlineData(list(map(asdict, estimates)))).encode(
        y=names_axis([each.label for each in estimates], label),
        color=alt.Color("colour:N", scale=None),
    )
    dots = rows.encode(x="value:Q")
    layers = [
        *([_zero_line()] if signed else []),
        rows.mark_bar(height=8, cornerRadius=4, opacity=0.35).encode(x="low:Q", x2="high"),
        dots.mark_circle(size=150, opacity=1),
        dots.mark_text(dy=-15).encode(text="figure:N", color=alt.value(INK)),
    ]
    axis = alt.Axis(title=unit, tickCount=max(3, plot // TICK), labelFlush=False, grid=True)
    if signed:
        axis.format, axis.labelExpr = "+~f", "datum.value ? datum.label : '0'"
    x = alt.X(axis=axis, scale=alt.Scale(zero=False, nice=True))
    height = INTERVAL_ROW * len(estimates)
    return to_svg(alt.LayerChart(layer=layers).encode(x=x), height, plot)


class Change(Protocol):
    """Tracks of a genre that turned right, and those that turned wrong."""

    @property
    def genre(self) -> str: ...  # noqa: D102
    @property
    def gained(self) -> int: ...  # noqa: D102
    @property
    def lost(self) -> int: ...  # noqa: D102


def genre_chart(genres: Sequence[Change], *, label: int = LABEL, plot: int = PLOT) -> str:
    """Tracks that turned right as bars to the right, those that turned wrong to the left."""
    ordered = sorted(genres, key=lambda each: (each.lost - each.gained, -each.gained, each.genre))
    most = max(max(each.gained, each.lost) for each in ordered) or 1
    x = alt.X("tracks:Q", axis=None, scale=alt.Scale(domain=[-1.1 * most, 1.1 * most]))
    layers = [
        *_bars({each.genre: each.gained for each in ordered}, GAINED, "left"),
        *_bars({each.genre: -each.lost for each in ordered}, LOST, "right"),
    ]
    chart = alt.LayerChart(layer=layers).encode(
        x=x, y=names_axis([each.genre for each in ordered], label)
    )
    return to_svg(alt.LayerChart(layer=[chart, _zero_line()]), GENRE_ROW * len(ordered), plot)


def _bars(tracks: Mapping[str, int], colour: str, align: Literal["left", "right"]) -> Layers:
    """A bar for each count that is not 0, and the count at its end."""
    rows = [
        {"label": genre, "tracks": count, "text": f"{count:+d}".replace("-", MINUS)}
        for genre, count in tracks.items()
        if count
    ]
    chart = alt.Chart(alt.InlineData(rows))
    text = chart.mark_text(align=align, dx=6 if align == "left" else -6, color=INK)
    return [chart.mark_bar(height=18, color=colour), text.encode(text="text:N")]


def names_axis(labels: Sequence[str], width: int) -> alt.Y:
    """The names of rows, from the top, in `width` pixels; longer ones are cut."""
    axis = alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        minExtent=width,
        maxExtent=width,
        labelLimit=width - 32,
        labelPadding=14,
        labelColor=INK,
        labelFontWeight=600,
    )
    return alt.Y("label:N", axis=axis, scale=alt.Scale(domain=list(labels)))


def _zero_line() -> alt.Chart:
    return alt.Chart(alt.InlineData([{}])).mark_rule(color=INK).encode(x=alt.datum(0))


def to_svg(chart: alt.LayerChart, height: int, width: int) -> str:
    """The chart in the colours and type of the page."""
    styled = (
        chart.properties(width=width, height=height, background="transparent")
        .configure(font=FONT, aria=False)
        .configure_view(stroke=None)
        .configure_text(fontSize=12)
        .configure_axis(
            labelColor=SOFT,
            labelFontSize=13,
            titleColor=SOFT,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            gridColor=LINE,
            domainColor=LINE,
            tickColor=LINE,
        )
    )
    svg = StringIO()
    styled.save(svg, format="svg")
    return svg.getvalue()
