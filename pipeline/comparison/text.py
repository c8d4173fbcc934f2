"""A comparison as text for a terminal."""

from collections.abc import Iterator, Sequence

from pipeline.base.terminal import aligned, clean
from pipeline.comparison.paired import ChangedTrack
from pipeline.comparison.result import Comparison
from pipeline.comparison.tables import (
    Table,
    differences_table,
    genres_table,
    heading,
    matrix_table,
    named_differences,
    notes,
    parameters_table,
    sides_table,
)

MOST_CHANGED = 10  # tracks of a list; --json has them all


def text(comparison: Comparison) -> str:
    """The whole comparison: sides, differences, then each difference by genre and by track."""
    return "\n\n".join(_parts(comparison))


def _parts(comparison: Comparison) -> Iterator[str]:
    yield clean(heading(comparison))
    if comparison.matrix:
        yield shown(matrix_table(comparison))
    yield shown(sides_table(comparison.sides))
    if comparison.differing:
        yield shown(parameters_table(comparison.sides, comparison.differing))
    yield shown(differences_table(named_differences(comparison)))
    yield "\n".join(map(clean, notes(comparison)))
    before = comparison.reference.name
    for side, found in comparison.pairs:
        genres = genres_table(before, side.name, found)
        yield f"right tracks by genre\n{shown(genres)}"
        yield tracks_list(f"turned right in {side.name}", before, side.name, found.gained)
        yield tracks_list(f"turned wrong in {side.name}", before, side.name, found.lost)


def tracks_list(title: str, before: str, after: str, tracks: Sequence[ChangedTrack]) -> str:
    """The first of the tracks that changed sides, and how many more there are."""
    rows = [["track", "actual", before, after]]
    rows += [[t.track_id, t.actual, t.before, t.after] for t in tracks[:MOST_CHANGED]]
    lines = [f"{clean(title)}: {len(tracks)}"]
    if tracks:
        lines.append(aligned(rows))
    if len(tracks) > MOST_CHANGED:
        lines.append(f"... and {len(tracks) - MOST_CHANGED} more; --json has them all")
    return "\n".join(lines)


def shown(table: Table) -> str:
    """A table for a terminal."""
    numbers = range(table.labels, len(table.columns))
    return aligned([table.columns, *table.rows], right=numbers)
