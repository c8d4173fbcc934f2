"""Curves of training: accuracy or loss of every fold by epoch, and their means."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import altair as alt

from pipeline.pages.charts import OTHER, REFERENCE, to_svg

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
