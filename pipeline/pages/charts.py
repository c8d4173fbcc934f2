"""Charts as SVG that a page holds, drawn by Altair in the colours that the page's style defines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from statistics import fmean
from typing import Literal, Protocol

import altair as alt

from pipeline.evaluation.scores import Bin, GenreScores

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


CURVE, MOST_TICKS = (330, 230), 8
TRAINING, VALIDATION = REFERENCE, OTHER
# Columns of metrics/history.csv.
CURVES = {
    "accuracy": {"accuracy": TRAINING, "val_accuracy": VALIDATION},
    "loss": {"loss": TRAINING, "val_loss": VALIDATION},
}

Histories = Mapping[str, Sequence[Mapping[str, float]]]


def curve_chart(histories: Histories, measure: str) -> str:
    """Each fold's `accuracy` or `loss` by epoch as a thin line, their mean as a thick one.

    A fold that stopped early counts in the mean with its last value.
    """
    folds, means = [], []
    for column, colour in CURVES[measure].items():
        curves = [[row[column] for row in rows] for rows in histories.values()]
        longest = max(map(len, curves))
        held = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
        for number, curve in enumerate(curves):
            folds += _points(curve, colour, f"{column} {number}")
        means += _points([fmean(values) for values in zip(*held, strict=True)], colour, column)
    epochs = len(means) // len(CURVES[measure])
    axis = alt.Axis(
        title="epoch",
        values=[*range(1, epochs + 1, -(-epochs // MOST_TICKS))],
        format="d",
        grid=False,
    )
    x = alt.X("epoch:Q", axis=axis, scale=alt.Scale(zero=False, nice=False))
    layers = [_lines(folds, 0.9, 0.35), _lines(means, 3, 1)]
    chart = alt.LayerChart(layer=layers).encode(x=x, y=_axis_of(measure))
    return to_svg(chart, CURVE[1], CURVE[0])


def _points(curve: Sequence[float], colour: str, line: str) -> list[dict[str, float | str]]:
    return [
        {"epoch": epoch, "value": value, "colour": colour, "line": line}
        for epoch, value in enumerate(curve, 1)
    ]


def _lines(points: list[dict[str, float | str]], width: float, opacity: float) -> alt.Chart:
    mark = alt.Chart(alt.InlineData(points)).mark_line(
        strokeWidth=width, opacity=opacity, point={"size": 12, "opacity": opacity}
    )
    return mark.encode(
        color=alt.Color("colour:N", scale=None),
        detail="line:N",
    )


def _axis_of(measure: str) -> alt.Y:
    if measure == "loss":
        return alt.Y("value:Q", title="cross-entropy (nats)", scale=alt.Scale(zero=False))
    return alt.Y("value:Q", title=measure, scale=alt.Scale(domain=[0, 1]))


SCORE_ROW, NAMES = 26, 120  # pixels
SQUARE = 300
SHARE = alt.Scale(domain=[0, 100])


def score_chart(genres: Sequence[GenreScores], measure: str) -> str:
    """One of `precision`, `recall` and `f1` of each genre as a dot on its interval, in percent."""
    rows = []
    for each in genres:
        score = getattr(each, measure)
        if score:
            rows.append(
                {
                    "label": each.genre,
                    "value": 100 * score.value,
                    "low": 100 * score.low,
                    "high": 100 * score.high,
                }
            )
    chart = alt.Chart(alt.InlineData(rows)).encode(
        y=names_axis([each.genre for each in genres], NAMES)
    )
    axis_x = _share_axis(None)
    low, value = (alt.X(f"{end}:Q", axis=axis_x, scale=SHARE) for end in ("low", "value"))
    band = chart.mark_bar(height=7, cornerRadius=3.5, opacity=0.3, color=OTHER)
    dot = chart.mark_circle(size=90, opacity=1, color=OTHER)
    layers = [band.encode(x=low, x2="high"), dot.encode(x=value)]
    return to_svg(alt.LayerChart(layer=layers), SCORE_ROW * len(genres), 250)


def calibration_chart(levels: Mapping[str, Sequence[Bin]]) -> str:
    """Accuracy against confidence, in percent; larger dots stand for more rows."""
    layers = [_diagonal()]
    for (_, bins), colour in zip(levels.items(), (OTHER, REFERENCE), strict=False):
        total = sum(each.rows for each in bins)
        rows = [
            {
                "confidence": 100 * each.confidence,
                "accuracy": 100 * each.accuracy,
                "size": 40 + 700 * each.rows / total,
            }
            for each in bins
        ]
        size = alt.Size("size:Q", scale=None)
        chart = alt.Chart(alt.InlineData(rows)).encode(
            x=alt.X("confidence:Q", axis=_share_axis("confidence in %"), scale=SHARE),
            y=alt.Y("accuracy:Q", axis=_share_axis("of these are right, in %"), scale=SHARE),
        )
        layers += [
            chart.mark_line(color=colour, strokeWidth=1.5),
            chart.mark_circle(color=colour, opacity=0.85).encode(size=size),
        ]
    return to_svg(alt.LayerChart(layer=layers), SQUARE, SQUARE)


def _share_axis(title: str | None) -> alt.Axis:
    return alt.Axis(title=title, tickCount=5, grid=True)


def _diagonal() -> alt.Chart:
    ends = [{"confidence": 0, "accuracy": 0}, {"confidence": 100, "accuracy": 100}]
    line = alt.Chart(alt.InlineData(ends)).mark_line(color=SOFT, strokeDash=[4, 4], strokeWidth=1)
    return line.encode(x="confidence:Q", y="accuracy:Q")
