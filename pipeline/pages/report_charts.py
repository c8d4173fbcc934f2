"""The charts of the report: genres, calibration, and curves of training."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import altair as alt

from pipeline.evaluation.calibration import Bin
from pipeline.evaluation.genres import GenreScores
from pipeline.pages.charts import OTHER, REFERENCE, SOFT, names_axis, to_svg

GENRE_ROW, NAMES = 26, 120  # pixels
SQUARE = 300
CURVE, MOST_TICKS = (330, 230), 8
SHARE = alt.Scale(domain=[0, 100])
TRAINING, VALIDATION = REFERENCE, OTHER
# Columns of metrics/history.csv.
CURVES = {
    "accuracy": {"accuracy": TRAINING, "val_accuracy": VALIDATION},
    "loss": {"loss": TRAINING, "val_loss": VALIDATION},
}

Histories = Mapping[str, Sequence[Mapping[str, float]]]


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
    return to_svg(alt.LayerChart(layer=layers), GENRE_ROW * len(genres), 250)


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


def _share_axis(title: str | None) -> alt.Axis:
    return alt.Axis(title=title, tickCount=5, grid=True)


def _diagonal() -> alt.Chart:
    ends = [{"confidence": 0, "accuracy": 0}, {"confidence": 100, "accuracy": 100}]
    line = alt.Chart(alt.InlineData(ends)).mark_line(color=SOFT, strokeDash=[4, 4], strokeWidth=1)
    return line.encode(x="confidence:Q", y="accuracy:Q")
