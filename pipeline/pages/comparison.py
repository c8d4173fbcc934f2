"""Pure: a report of `compare` -> one HTML page that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape

from pipeline.base.terminal import p_text, percent
from pipeline.comparison.paired import Changed, Difference
from pipeline.comparison.report import Report, Side
from pipeline.comparison.text import heading, notes
from pipeline.pages.charts import SEPARATOR, Estimate, genre_chart, interval_chart, signed_points

MOST_CHANGED = 500  # rows of a table; a page of more is slow to open
TO = "\N{EN DASH}"
STYLE = """
:root { --ink:#1d2733; --soft:#64748b; --line:#e3e8ef; --card:#fff; --ground:#f3f5f8;
        --before:#64748b; --after:#2563a8; --gained:#0f8a6d; --lost:#c8553d; }
* { box-sizing: border-box; }
body { margin:0; background:var(--ground); color:var(--ink);
       font:15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width:960px; margin:0 auto; padding:36px 16px 48px; }
h1 { font-size:26px; line-height:1.25; margin:0 0 4px; letter-spacing:-.01em;
     overflow-wrap:anywhere; }
h2 { font-size:16px; margin:0 0 14px; overflow-wrap:anywhere; }
p { margin:0 0 10px; } .soft { color:var(--soft); }
section { background:var(--card); border:1px solid var(--line); border-radius:12px;
          padding:22px 24px; margin-top:18px; }
svg { display:block; width:100%; height:auto; overflow:visible; font-size:13.5px; }
svg .label { fill:var(--ink); font-weight:600; } svg .note { fill:var(--soft); font-size:12px; }
svg .middle { text-anchor:middle; }
svg .end { text-anchor:end; }
.grid { stroke:var(--line); } .zero { stroke:var(--ink); stroke-width:1.5; }
.whisker { stroke-width:7; stroke-linecap:round; opacity:.32; }
.before { stroke:var(--before); fill:var(--before); }
.after { stroke:var(--after); fill:var(--after); }
circle { stroke:#fff; stroke-width:2; }
rect.gained { fill:var(--gained); } rect.lost { fill:var(--lost); }
table { border-collapse:collapse; width:100%; font-size:14px; }
th { text-align:left; color:var(--soft); font-weight:500; font-size:12.5px; }
th, td { padding:6px 14px 6px 0; border-bottom:1px solid var(--line); overflow-wrap:anywhere; }
tr:last-child td { border-bottom:0; }
svg + table { margin-top:14px; } td:last-child, th:last-child { padding-right:0; }
.number { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
.right { color:var(--gained); font-weight:600; } .wrong { color:var(--lost); }
.key::before { content:""; display:inline-block; width:11px; height:11px; border-radius:3px;
               margin:0 6px 0 0; background:currentColor; }
.key { margin-right:18px; font-size:13px; } .key.gained { color:var(--gained); }
.key.lost { color:var(--lost); }
.mono { font-family:ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; font-size:13px; }
footer { color:var(--soft); font-size:13px; margin-top:20px; } footer p { margin:0 0 4px; }
"""


def page(report: Report) -> str:
    """The whole page; every name in it is escaped, and it loads nothing."""
    names = [side.name for side in report.sides]
    title = f"{names[0]} against {', '.join(names[1:])}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>\n"
        f"<h1>{escape(title)}</h1>\n{''.join(_parts(report))}</main></body></html>\n"
    )


def _parts(report: Report) -> Iterator[str]:
    yield (
        f'<p class="soft">{escape(heading(report))}; dots are estimates, bands 95 % intervals</p>\n'
    )
    yield _section("Accuracy", interval_chart(_sides(report.sides), signed=False))
    yield _section("Difference in percentage points", _differences(report))
    for side, found in zip(report.sides[1:], report.differences, strict=True):
        yield from _details(report.sides[0], side, found)
    yield f"<footer>{''.join(f'<p>{escape(line)}</p>' for line in notes(report))}</footer>\n"


def _sides(sides: Sequence[Side]) -> list[Estimate]:
    return [
        Estimate(
            label=side.name,
            names=f"{side.model}{SEPARATOR}{side.feature}",
            figures=f"{percent(side.accuracy)} % ({percent(side.low)}{TO}{percent(side.high)})",
            value=side.accuracy,
            low=side.low,
            high=side.high,
            colour="after" if number else "before",
        )
        for number, side in enumerate(sides)
    ]


def _differences(report: Report) -> str:
    estimates = []
    for side, each in zip(report.sides[1:], report.differences, strict=True):
        middle, low, high = map(signed_points, (each.difference, each.low, each.high))
        label, figures = f"{side.name} less {report.sides[0].name}", f"{middle} ({low} to {high})"
        estimates.append(
            Estimate(label, "", figures, each.difference, each.low, each.high, "after")
        )
    return interval_chart(estimates, signed=True) + _tests(report)


def _tests(report: Report) -> str:
    corrected = len(report.differences) > 1
    head = ["", "points", "turned right", "turned wrong", "McNemar p", *["Holm p"][:corrected]]
    rows = [
        [
            f"{side.name} less {report.sides[0].name}",
            signed_points(each.difference),
            str(len(each.gained)),
            str(len(each.lost)),
            p_text(each.p_value),
            *[p_text(each.p_holm)][:corrected],
        ]
        for side, each in zip(report.sides[1:], report.differences, strict=True)
    ]
    body = (_row([_cell(row[0]), *(_cell(c, "number") for c in row[1:])]) for row in rows)
    header = "".join(f'<th class="{"number" if i else ""}">{c}</th>' for i, c in enumerate(head))
    return f"<table><tr>{header}</tr>{''.join(body)}</table>"


def _details(reference: Side, side: Side, found: Difference) -> Iterator[str]:
    keys = (
        f'<p><span class="key lost">wrong in {escape(side.name)} alone</span>'
        f'<span class="key gained">right in {escape(side.name)} alone</span></p>'
    )
    yield _section(
        f"Genres gained and lost: {side.name} less {reference.name}",
        keys + genre_chart(found.genres),
    )
    for verb, tracks in (("right", found.gained), ("wrong", found.lost)):
        title = f"{len(tracks)} tracks turned {verb} in {side.name}"
        yield _section(title, _tracks(reference.name, side.name, tracks))


def _tracks(before: str, after: str, tracks: Sequence[Changed]) -> str:
    if not tracks:
        return '<p class="soft">none</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in ("track", "actual", before, after))
    rows = (_row(_changed_cells(track)) for track in tracks[:MOST_CHANGED])
    left = len(tracks) - MOST_CHANGED
    more = f'<p class="soft">and {left} more; --json has them all</p>' if left > 0 else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{more}"


def _changed_cells(track: Changed) -> list[str]:
    verdicts = [
        _cell(name, "right" if name == track.actual else "wrong")
        for name in (track.before, track.after)
    ]
    return [_cell(track.track_id, "mono"), _cell(track.actual), *verdicts]


def _cell(text: str, css: str = "") -> str:
    return f'<td class="{css}">{escape(text)}</td>'


def _row(cells: Sequence[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>\n"
