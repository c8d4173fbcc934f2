"""Pure: a report of `compare` -> tables for a terminal."""

from collections.abc import Iterator, Sequence

from pipeline.base.terminal import aligned, clean, p_text, percent, points
from pipeline.comparison.paired import Changed, Difference
from pipeline.comparison.report import Report, Side

MOST_CHANGED = 10  # tracks of a list; all are in --json
SIDE_COLUMNS = ["revision", "commit", "model", "feature", "seeds", "accuracy %", "95% interval"]
SUMMARY_COLUMNS = {"macro F1": "track_macro_f1", "log loss": "track_log_loss"}
DIFFERENCE_COLUMNS = ["difference", "points", "95% interval", "gained", "lost", "McNemar p"]


def text(report: Report) -> str:
    """The whole report: sides, differences, then each difference by genre and by track."""
    return "\n\n".join(_parts(report))


def _parts(report: Report) -> Iterator[str]:
    yield heading(report)
    yield sides_table(report.sides)
    yield differences_table(report)
    yield "\n".join(notes(report))
    reference = report.sides[0]
    for side, difference in zip(report.sides[1:], report.differences, strict=True):
        yield genres_table(reference.name, side.name, difference)
        for verb, tracks in (
            ("turned right", difference.gained),
            ("turned wrong", difference.lost),
        ):
            yield tracks_table(f"{verb} in {side.name}", reference.name, side.name, tracks)


def heading(report: Report) -> str:
    """What was judged, and how it was split."""
    grouped = f" in {report.groups} groups" if report.groups < report.tracks else ""
    return f"{report.tracks} tracks{grouped}, split by {clean(report.protocol)}"


def sides_table(sides: Sequence[Side]) -> str:
    """A row a revision; the reference is the first."""
    rows = [[*SIDE_COLUMNS, *SUMMARY_COLUMNS]]
    for side in sides:
        labels = [side.name, side.commit or "-", side.model, side.feature]
        rows.append(
            [
                *map(clean, labels),
                str(side.seeds),
                percent(side.accuracy),
                f"{percent(side.low)} to {percent(side.high)}",
                *(_figure(side.summary.get(key)) for key in SUMMARY_COLUMNS.values()),
            ]
        )
    return aligned(rows, right=range(4, len(rows[0])))


def differences_table(report: Report) -> str:
    """A row a comparison with the reference."""
    corrected = len(report.differences) > 1
    rows = [[*DIFFERENCE_COLUMNS, *(["Holm p"] if corrected else [])]]
    for side, found in zip(report.sides[1:], report.differences, strict=True):
        cells = [
            clean(f"{side.name} - {report.sides[0].name}"),
            points(found.difference),
            f"{points(found.low)} to {points(found.high)}",
            str(len(found.gained)),
            str(len(found.lost)),
            p_text(found.p_value),
        ]
        rows.append([*cells, *([p_text(found.p_holm)] if corrected else [])])
    return aligned(rows, right=range(1, len(rows[0])))


def notes(report: Report) -> list[str]:
    """How the figures are to be read."""
    drawn = "group by group" if report.groups < report.tracks else "track by track"
    lines = [f"Intervals: bootstrap, {drawn}; other music, the same trained models."]
    if report.groups < report.tracks:
        lines.append(
            "McNemar's test takes the tracks of a group as independent: trust the interval."
        )
    if len(report.differences) > 1:
        lines.append(
            f"Holm p: corrected for {len(report.differences)} comparisons with "
            f"{clean(report.sides[0].name)}; the intervals are not."
        )
    if any(side.seeds > 1 for side in report.sides):
        lines.append(
            "Accuracy: each track's mean over seeds; gained, lost and McNemar: the genre of the "
            "highest mean probability over seeds."
        )
    return lines


def genres_table(before: str, after: str, difference: Difference) -> str:
    """Right tracks of each genre on both sides, the most gained first."""
    rows = [["genre", "tracks", clean(before), clean(after), "change", "gained", "lost"]]
    for genre in sorted(difference.genres, key=lambda each: each.before - each.after):
        change = genre.after - genre.before
        rows.append(
            [
                clean(genre.genre),
                str(genre.tracks),
                f"{genre.before:.3g}",
                f"{genre.after:.3g}",
                f"{change:+.3g}" if change else "0",
                str(genre.gained),
                str(genre.lost),
            ]
        )
    return f"right tracks by genre\n{aligned(rows, right=range(1, 7))}"


def tracks_table(title: str, before: str, after: str, tracks: Sequence[Changed]) -> str:
    """The first tracks that changed sides, and how many more there are."""
    rows = [["track", "actual", before, after]]
    rows += [[t.track_id, t.actual, t.before, t.after] for t in tracks[:MOST_CHANGED]]
    lines = [f"{clean(title)}: {len(tracks)}"]
    if tracks:
        lines.append(aligned([[clean(cell) for cell in row] for row in rows]))
    if len(tracks) > MOST_CHANGED:
        lines.append(f"... and {len(tracks) - MOST_CHANGED} more; --json has them all")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
