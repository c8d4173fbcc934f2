"""The charts of the report: genres and calibration."""

from collections.abc import Mapping, Sequence

import altair as alt

from pipeline.evaluation.calibration import Bin
from pipeline.evaluation.genres import GenreScores
from pipeline.pages.charts import OTHER, REFERENCE, SOFT, names_axis, to_svg

GENRE_ROW, NAMES = 26, 120  # pixels
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


def _share_axis(title: str | None) -> alt.Axis:
    return alt.Axis(title=title, tickCount=5, grid=True)


def _diagonal() -> alt.Chart:
    ends = [{"confidence": 0, "accuracy": 0}, {"confidence": 100, "accuracy": 100}]
    line = alt.Chart(alt.InlineData(ends)).mark_line(color=SOFT, strokeDash=[4, 4], strokeWidth=1)
    return line.encode(x="confidence:Q", y="accuracy:Q")
