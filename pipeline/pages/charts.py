"""Charts as SVG that a page holds, drawn by Altair in the colours that the page's style defines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO, StringIO
from typing import Any, Literal

import altair as alt

from pipeline.base.cli import percent, points
from pipeline.evaluation.scores import Bin, GenreScores
from pipeline.evaluation.summary import CURVES, Histories, mean_curves

# Pixels: the space for the names on the left, and for what is drawn.
LABEL, PLOT = 230, 600
NARROW_LABEL, NARROW_PLOT = 104, 190  # on a phone
TICK = 75  # pixels from one to the next, about
INTERVAL_ROW, GENRE_ROW, SCORE_ROW = 46, 28, 26  # pixels
SCORE_LABEL, SCORE_PLOT = 120, 250
CURVE_PLOT, CURVE_HEIGHT, MOST_TICKS = 330, 230, 8
SQUARE = 300
FONT = "system-ui, sans-serif"
# CSS variables of templates/style.css, so that charts follow the reader's light or dark theme.
INK, SOFT, LINE = "var(--ink)", "var(--soft)", "var(--line)"
REFERENCE, OTHER = "var(--reference)", "var(--other)"
GAINED, LOST = "var(--gained)", "var(--lost)"
MINUS = "\N{MINUS SIGN}"
SHARE = alt.Scale(domain=[0, 100])


@dataclass(frozen=True)
class Estimate:
    """One row of an interval chart: a share, or a difference of shares, with its interval.

    Attributes
    ----------
    colour : str
        `REFERENCE` or `OTHER`.
    """

    label: str
    value: float
    low: float
    high: float
    colour: str = OTHER


def for_every_width(draw: Callable[..., str]) -> dict[str, str]:
    """Draw a chart for wide pages and one for narrow ones, where its text would be too small.

    Parameters
    ----------
    draw : callable
        Takes the widths of the names and of what is drawn, in pixels, as `label` and `plot`.
    """
    return {
        "broad": draw(label=LABEL, plot=PLOT),
        "narrow": draw(label=NARROW_LABEL, plot=NARROW_PLOT),
    }


def interval_chart(
    estimates: Sequence[Estimate], *, signed: bool = False, label: int = LABEL, plot: int = PLOT
) -> str:
    """Draw each accuracy as a dot on its interval; where `signed`, each difference.

    Parameters
    ----------
    estimates : sequence of Estimate
        At least one.
    signed : bool
        The values are differences, which are drawn around a line at zero.
    label, plot : int
        Widths of the names and of what is drawn, in pixels.
    """
    rows = _chart(
        {
            "label": each.label,
            "value": 100 * each.value,
            "low": 100 * each.low,
            "high": 100 * each.high,
            "figure": points(each.value) if signed else percent(each.value),
            "colour": each.colour,
        }
        for each in estimates
    ).encode(
        y=_names_axis([each.label for each in estimates], label),
        color=alt.Color("colour:N", scale=None),
    )
    dots = rows.encode(x="value:Q")
    layers = [
        *([_zero_line()] if signed else []),
        rows.mark_bar(height=8, cornerRadius=4, opacity=0.35).encode(x="low:Q", x2="high"),
        dots.mark_circle(size=150, opacity=1),
        dots.mark_text(dy=-15).encode(text="figure:N", color=alt.value(INK)),
    ]
    axis = alt.Axis(tickCount=max(3, plot // TICK), labelFlush=False, grid=True)
    axis.title = "percentage points" if signed else "accuracy in %"
    if signed:
        axis.format, axis.labelExpr = "+~f", "datum.value ? datum.label : '0'"
    x = alt.X(axis=axis, scale=alt.Scale(zero=False, nice=True))
    return _svg(alt.LayerChart(layer=layers).encode(x=x), INTERVAL_ROW * len(estimates), plot)


def genre_chart(
    changes: Mapping[str, tuple[int, int]], *, label: int = LABEL, plot: int = PLOT
) -> str:
    """Draw gained tracks as bars to the right and lost ones to the left, the best genre first.

    Parameters
    ----------
    changes : mapping of genre to its numbers of gained and of lost tracks
    label, plot : int
        As in `interval_chart`.
    """

    def order(genre: str) -> tuple[int, int, str]:
        gained, lost = changes[genre]
        return lost - gained, -gained, genre

    ordered = sorted(changes, key=order)
    most = max(map(max, changes.values())) or 1
    x = alt.X("tracks:Q", axis=None, scale=alt.Scale(domain=[-1.1 * most, 1.1 * most]))
    layers = [
        *_bars({genre: gained for genre, (gained, _) in changes.items()}, GAINED, "left"),
        *_bars({genre: -lost for genre, (_, lost) in changes.items()}, LOST, "right"),
    ]
    chart = alt.LayerChart(layer=layers).encode(x=x, y=_names_axis(ordered, label))
    return _svg(alt.LayerChart(layer=[chart, _zero_line()]), GENRE_ROW * len(ordered), plot)


def curve_chart(histories: Histories, measure: str) -> str:
    """Draw each fold's `accuracy` or `loss` by epoch as a thin line, their mean as a thick one.

    A fold that stopped early counts in the mean with its last value.
    """
    curves = mean_curves(histories)
    folds, means = [], []
    for name, colour in ((f"training_{measure}", REFERENCE), (f"validation_{measure}", OTHER)):
        for fold, epochs in histories.items():
            values = [epoch[CURVES[name]] for epoch in epochs]
            folds += _points(values, colour, f"{name} {fold}")
        means += _points([row[name] for row in curves], colour, name)
    axis = alt.Axis(
        title="epoch",
        values=[*range(1, len(curves) + 1, -(-len(curves) // MOST_TICKS))],
        format="d",
        grid=False,
    )
    x = alt.X("epoch:Q", axis=axis, scale=alt.Scale(zero=False, nice=False))
    if measure == "loss":
        y = alt.Y("value:Q", title="cross-entropy (nats)", scale=alt.Scale(zero=False))
    else:
        y = alt.Y("value:Q", title=measure, scale=alt.Scale(domain=[0, 1]))
    layers = [_lines(folds, 0.9, 0.35), _lines(means, 3, 1)]
    return _svg(alt.LayerChart(layer=layers).encode(x=x, y=y), CURVE_HEIGHT, CURVE_PLOT)


def score_chart(genres: Sequence[GenreScores], measure: str) -> str:
    """Draw `precision`, `recall` or `f1` of each genre as a dot on its interval, in percent."""
    scores = {each.genre: getattr(each, measure) for each in genres}
    chart = _chart(
        {"label": genre, **{end: 100 * share for end, share in asdict(score).items()}}
        for genre, score in scores.items()
        if score
    ).encode(y=_names_axis(list(scores), SCORE_LABEL))
    low, value = (
        alt.X(f"{end}:Q", axis=_share_axis(None), scale=SHARE) for end in ("low", "value")
    )
    band = chart.mark_bar(height=7, cornerRadius=3.5, opacity=0.3, color=OTHER)
    dot = chart.mark_circle(size=90, opacity=1, color=OTHER)
    layers = [band.encode(x=low, x2="high"), dot.encode(x=value)]
    return _svg(alt.LayerChart(layer=layers), SCORE_ROW * len(genres), SCORE_PLOT)


def calibration_chart(levels: Sequence[Sequence[Bin]]) -> str:
    """Draw accuracy against confidence in percent, with larger dots for bins of more rows.

    Parameters
    ----------
    levels : sequence of the bins of one or two levels
        The first in `OTHER`, the second in `REFERENCE`.
    """
    ends = [{"confidence": 0, "accuracy": 0}, {"confidence": 100, "accuracy": 100}]
    diagonal = _chart(ends).mark_line(color=SOFT, strokeDash=[4, 4], strokeWidth=1)
    layers = [diagonal.encode(x="confidence:Q", y="accuracy:Q")]
    for bins, colour in zip(levels, (OTHER, REFERENCE), strict=False):
        total = sum(each.rows for each in bins)
        chart = _chart(
            {
                "confidence": 100 * each.confidence,
                "accuracy": 100 * each.accuracy,
                "size": 40 + 700 * each.rows / total,
            }
            for each in bins
        ).encode(
            x=alt.X("confidence:Q", axis=_share_axis("confidence in %"), scale=SHARE),
            y=alt.Y("accuracy:Q", axis=_share_axis("of these are right, in %"), scale=SHARE),
        )
        layers += [
            chart.mark_line(color=colour, strokeWidth=1.5),
            chart.mark_circle(color=colour, opacity=0.85).encode(
                size=alt.Size("size:Q", scale=None)
            ),
        ]
    return _svg(alt.LayerChart(layer=layers), SQUARE, SQUARE)


def robustness_picture(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw a panel for each deformation as PNG: accuracy and its 95 % interval by strength.

    Parameters
    ----------
    rows : sequence of dict
        As `pipeline.trials.robustness.judge_deformed` returns them. Each revision has a colour, in
        which a dashed line is at its accuracy for the clean clips.
    """
    names = list(dict.fromkeys(row["revision"] for row in rows))
    shown = [
        {**row, **{key: 100 * row[key] for key in ("accuracy", "low", "high")}} for row in rows
    ]
    colour = alt.Color(
        "revision:N",
        scale=alt.Scale(domain=names, scheme="dark2"),
        legend=alt.Legend(title=None, orient="top") if len(names) > 1 else None,
    )
    y = alt.Y("accuracy:Q", scale=SHARE, axis=alt.Axis(title="accuracy in %", tickCount=5))
    clean = _chart(row for row in shown if not row["loss"]).mark_rule(strokeDash=[4, 3])
    panels = []
    for name in dict.fromkeys(row["deformation"] for row in shown if row["loss"]):
        own = [row for row in shown if row["deformation"] == name]
        title = f"{name.replace('_', ' ')} ({own[0]['unit']})"
        x = alt.X("strength:N", sort=None, axis=alt.Axis(title=None, labelAngle=0))
        bars = _chart(own).encode(x=x, xOffset=alt.XOffset("revision:N", sort=names), color=colour)
        layers = [
            clean.encode(y=y, color=colour),
            bars.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", scale=SHARE), y2="high:Q"),
            bars.mark_circle(size=45, opacity=1).encode(y=y),
        ]
        panels.append(alt.LayerChart(layer=layers).properties(title=title, width=210, height=130))
    png = BytesIO()
    drawn = alt.concat(*panels, columns=4).resolve_scale(xOffset="independent")
    drawn.save(png, format="png", scale_factor=2)
    return png.getvalue()


def _chart(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.InlineData(list(rows)))


def _bars(
    tracks: Mapping[str, int], colour: str, align: Literal["left", "right"]
) -> list[alt.Chart]:
    """A bar for each count that is not 0, and the count at its end."""
    chart = _chart(
        {"label": genre, "tracks": count, "text": f"{count:+d}".replace("-", MINUS)}
        for genre, count in tracks.items()
        if count
    )
    text = chart.mark_text(align=align, dx=6 if align == "left" else -6, color=INK)
    return [chart.mark_bar(height=18, color=colour), text.encode(text="text:N")]


def _points(curve: Sequence[float], colour: str, line: str) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "value": value, "colour": colour, "line": line}
        for epoch, value in enumerate(curve, 1)
    ]


def _lines(points: list[dict[str, Any]], width: float, opacity: float) -> alt.Chart:
    mark = _chart(points).mark_line(
        strokeWidth=width, opacity=opacity, point={"size": 12, "opacity": opacity}
    )
    return mark.encode(color=alt.Color("colour:N", scale=None), detail="line:N")


def _zero_line() -> alt.Chart:
    return _chart([{}]).mark_rule(color=INK).encode(x=alt.datum(0))


def _names_axis(labels: Sequence[str], width: int) -> alt.Y:
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


def _share_axis(title: str | None) -> alt.Axis:
    return alt.Axis(title=title, tickCount=5, grid=True)


def _svg(chart: alt.LayerChart, height: int, width: int) -> str:
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
