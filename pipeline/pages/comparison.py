"""The page of a comparison."""

from typing import Any

from pipeline.base.terminal import percent, points
from pipeline.comparison import tables
from pipeline.comparison.paired import Difference
from pipeline.comparison.result import Comparison, Side
from pipeline.pages.charts import OTHER, REFERENCE, Estimate, genre_chart, interval_chart
from pipeline.pages.render import render

MOST_CHANGED = 500  # rows of a table; a page with more is slow to open


def page(comparison: Comparison) -> str:
    """One HTML page that needs no other file."""
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
            "table": tables.differences_table(comparison),
        },
        sides=[_details(reference, *pair) for pair in comparison.pairs],
        most_changed=MOST_CHANGED,
        notes=tables.notes(comparison),
    )


def _accuracies(comparison: Comparison) -> str:
    estimates = [
        Estimate(
            label=side.name,
            value=100 * side.accuracy,
            low=100 * side.low,
            high=100 * side.high,
            figure=percent(side.accuracy),
            colour=REFERENCE if side is comparison.reference else OTHER,
        )
        for side in comparison.sides
    ]
    return interval_chart(estimates, "accuracy in %", signed=False)


def _differences(comparison: Comparison) -> str:
    estimates = [
        Estimate(
            label=tables.minus(side, comparison.reference),
            value=100 * found.difference,
            low=100 * found.low,
            high=100 * found.high,
            figure=points(found.difference),
        )
        for side, found in comparison.pairs
    ]
    return interval_chart(estimates, "percentage points", signed=True)


def _details(reference: Side, side: Side, found: Difference) -> dict[str, Any]:
    return {
        "name": side.name,
        "genres": {
            "chart": genre_chart(found.genres),
            "table": tables.genres_table(reference.name, side.name, found),
        },
        "gained": found.gained,
        "lost": found.lost,
    }
