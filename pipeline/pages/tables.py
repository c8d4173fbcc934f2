"""The tables and sentences of a comparison, which a terminal and a page show alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.base.cli import p_text, percent, points
from pipeline.runs.comparison import Comparison, Difference, Pair, Side
from pipeline.runs.revisions import value_of

SIDE_COLUMNS = ["revision", "commit", "model", "feature", "seeds", "accuracy %", "95% interval"]
SUMMARY_COLUMNS = {"macro F1": "track_macro_f1", "log loss": "track_log_loss"}
DIFFERENCE_COLUMNS = ["difference", "points", "95% interval", "gained", "lost", "McNemar p"]
MARK, SIGNIFICANT = "*", 0.05


@dataclass(frozen=True)
class Table:
    """Rows of text under the names of their columns.

    Attributes
    ----------
    labels : int
        How many of the first columns are words, flush left; the others are numbers, flush right.
    """

    columns: list[str]
    rows: list[list[str]]
    labels: int


def heading(comparison: Comparison) -> str:
    """How many tracks were tested, and how they were split."""
    grouped = f" in {comparison.groups} groups" if _is_grouped(comparison) else ""
    return f"{comparison.tracks} tracks{grouped}, split by {comparison.protocol}"


def minus(side: Side, reference: Side) -> str:
    """Name of a difference."""
    return f"{side.name} minus {reference.name}"


def named_differences(comparison: Comparison) -> list[tuple[str, Difference]]:
    """The differences from the reference, each behind its name."""
    return [(minus(side, comparison.reference), found) for side, found in comparison.pairs]


def sides_table(sides: Sequence[Side]) -> Table:
    """One row for each revision."""
    rows = [
        [
            *(side.name, side.commit or "-", side.model, side.feature),
            str(side.seeds),
            percent(side.accuracy),
            f"{percent(side.low)} to {percent(side.high)}",
            *(_figure(side.summary.get(key)) for key in SUMMARY_COLUMNS.values()),
        ]
        for side in sides
    ]
    return Table([*SIDE_COLUMNS, *SUMMARY_COLUMNS], rows, labels=4)


def matrix_table(comparison: Comparison) -> Table:
    """The differences between all pairs of sides, in points; `MARK` is on the significant ones."""
    columns = [f"{number + 1} " for number, _ in enumerate(comparison.sides)]
    rows = [
        [f"{number + 1} {side.name}", *map(_pair, row[:number]), "", *map(_pair, row[number + 1 :])]
        for number, side in enumerate(comparison.sides)
        for row in [comparison.matrix[number]]
    ]
    return Table(["row minus column", *columns], rows, labels=1)


def parameters_table(sides: Sequence[Side], keys: Sequence[str]) -> Table:
    """One row for each of the parameters `keys`, and its value on each side."""
    rows = [[key, *(value_of(side.parameters, key) for side in sides)] for key in keys]
    return Table(["parameter", *(side.name for side in sides)], rows, labels=1 + len(sides))


def differences_table(differences: Sequence[tuple[str, Difference]]) -> Table:
    """One row for each difference, behind its name; Holm's p where there are several."""
    several = len(differences) > 1
    rows = [
        [
            name,
            points(found.difference),
            f"{points(found.low)} to {points(found.high)}",
            str(len(found.gained)),
            str(len(found.lost)),
            p_text(found.p_value),
            *([p_text(found.p_holm)] if several else []),
        ]
        for name, found in differences
    ]
    return Table([*DIFFERENCE_COLUMNS, *(["Holm p"] if several else [])], rows, labels=1)


def genres_table(before: str, after: str, difference: Difference) -> Table:
    """Right tracks of each genre on both sides, the most gained first."""
    rows = []
    for genre in sorted(difference.genres, key=lambda each: each.before - each.after):
        change = round(genre.after - genre.before, 3)
        rows.append(
            [
                genre.genre,
                str(genre.tracks),
                f"{genre.before:.3g}",
                f"{genre.after:.3g}",
                f"{change:+.3g}" if change else "0",
                str(genre.gained),
                str(genre.lost),
            ]
        )
    columns = ["genre", "tracks", before, after, "change", "gained", "lost"]
    return Table(columns, rows, labels=1)


def notes(comparison: Comparison) -> list[str]:
    """How the figures are to be read."""
    grouped = _is_grouped(comparison)
    lines = [
        f"Intervals: bootstrap over {'groups' if grouped else 'tracks'}. They show how much the "
        "result would vary with other music and the same trained models."
    ]
    if grouped:
        lines.append(
            "McNemar's test takes the tracks of a group as independent: trust the interval."
        )
    if comparison.matrix:
        lines.append(
            f"{MARK} in the matrix: McNemar's p is below {SIGNIFICANT}, with Holm's correction for "
            "all pairs."
        )
    if len(comparison.others) > 1:
        lines.append(
            f"Holm p: corrected for {len(comparison.others)} comparisons with "
            f"{comparison.reference.name}; the intervals are not."
        )
    if any(side.seeds > 1 for side in comparison.sides):
        lines.append(
            "Accuracy: each track's mean over seeds. Gained, lost and McNemar: the genre of the "
            "highest mean probability over seeds."
        )
    return lines


def _pair(pair: Pair) -> str:
    return f"{points(pair.difference)}{MARK if pair.p_holm < SIGNIFICANT else ' '}"


def _is_grouped(comparison: Comparison) -> bool:
    return comparison.groups < comparison.tracks


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
