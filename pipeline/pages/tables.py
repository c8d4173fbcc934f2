"""Tables as text in cells, and the sentences beside them: a terminal and a page show them alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.base.cli import p_text, percent, points
from pipeline.runs.combination import Combination
from pipeline.runs.comparison import Comparison, Difference, Pair, Side
from pipeline.runs.revisions import value_of

SIDE_COLUMNS = ["revision", "commit", "model", "feature", "seeds", "accuracy %", "95% interval"]
SUMMARY_COLUMNS = {"macro F1": "track_macro_f1", "log loss": "track_log_loss"}
DIFFERENCE_COLUMNS = ["difference", "points", "95% interval", "gained", "lost", "McNemar p"]
MARK, SIGNIFICANT = "*", 0.05

Row = Mapping[str, Any]


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


def interval(low: float, high: float, text: Callable[[float], str] = percent) -> str:
    """The bounds of an interval, each as `text` has it."""
    return f"{text(low)} to {text(high)}"


def heading(comparison: Comparison) -> str:
    """The number of tracks that were tested, and how they were split."""
    grouped = f" in {comparison.groups} groups" if _is_grouped(comparison) else ""
    return f"{comparison.tracks} tracks{grouped}, split by {comparison.protocol}"


def minus(side: Side, reference: Side) -> str:
    """Name of a difference."""
    return f"{side.name} minus {reference.name}"


def named_differences(comparison: Comparison) -> list[tuple[str, Difference]]:
    """The differences from the reference, each behind its name."""
    return [(minus(side, comparison.reference), each) for side, each in comparison.pairs]


def sides_table(sides: Sequence[Side]) -> Table:
    """One row for each revision."""
    rows = [
        [
            *(side.name, side.commit or "-", side.model, side.feature),
            str(side.seeds),
            percent(side.accuracy),
            interval(side.low, side.high),
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
            points(difference.difference),
            interval(difference.low, difference.high, points),
            str(len(difference.gained)),
            str(len(difference.lost)),
            p_text(difference.p_value),
            *([p_text(difference.p_holm)] if several else []),
        ]
        for name, difference in differences
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


def clips_table(clips: Sequence[Row]) -> Table:
    """Accuracy per clip of each side of a combination."""
    rows = [
        [row["revision"], percent(row["accuracy"]), interval(row["low"], row["high"])]
        for row in clips
    ]
    return Table(["clips", "accuracy %", "95% interval"], rows, labels=1)


def weights_table(combination: Combination) -> Table:
    """The weight of each part: its mean over the folds, and the least and the most of them."""
    rows = [
        [part.name, f"{shares.mean():.2f}", interval(shares.min(), shares.max(), "{:.2f}".format)]
        for part, shares in zip(combination.parts, combination.weights.shares.T, strict=True)
    ]
    return Table(["weight", "mean of folds", "range"], rows, labels=1)


def ablation_table(rows: Sequence[Row]) -> Table:
    """One row for each trial; those without a difference, the baseline, have dashes."""
    columns = ["kinds", "inner validation", "track", "difference", "95% interval", "Holm p"]
    cells = [
        [
            row["kinds"],
            percent(row["validation_clip_accuracy"]),
            percent(row["track_accuracy"]),
            *(["-"] * 3 if row["difference"] == "" else _gain(row)),
            str(row["seconds"]),
            str(row["megabytes"]),
        ]
        for row in rows
    ]
    return Table([*columns, "s", "MB"], cells, labels=1)


def protocols_table(rows: Sequence[Row]) -> Table:
    """One row for each protocol, in percent; the leaky one has an accuracy of clips alone."""
    columns = ["protocol", "judged", "runs", "tracks", "track", "95% interval", "clip"]
    return Table(columns, [_protocol(row) for row in rows], labels=2)


def notes(comparison: Comparison) -> list[str]:
    """Sentences on how to read the figures."""
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


def _gain(row: Row) -> list[str]:
    bounds = interval(row["low"], row["high"], points)
    return [points(row["difference"]), bounds, p_text(row["p_holm"])]


def _protocol(row: Row) -> list[str]:
    facts = [row["judged"], str(row["folds"]), str(row["tracks"])]
    if "leaky_clip_accuracy" in row:
        clip = percent(row["leaky_clip_accuracy"])
        return [f"{row['protocol']} (leaks)", *facts, "-", "-", clip]
    bounds = interval(row["track_accuracy_low"], row["track_accuracy_high"])
    track, clip = percent(row["track_accuracy"]), percent(row["clip_accuracy"])
    return [row["protocol"], *facts, track, bounds, clip]


def _is_grouped(comparison: Comparison) -> bool:
    return comparison.groups < comparison.tracks


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
