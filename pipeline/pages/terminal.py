"""Comparisons and inspections as text for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from pipeline.base.cli import aligned, clean, duration
from pipeline.pages.tables import (
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
from pipeline.runs.comparison import ChangedTrack, Comparison

MOST_CHANGED = 10  # tracks of a list; --json has them all


def text(comparison: Comparison) -> str:
    """The whole comparison: sides, differences, then each difference by genre and by track."""
    return "\n\n".join(_comparison_parts(comparison))


def _comparison_parts(comparison: Comparison) -> Iterator[str]:
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


WIDTH = 100
MOST_LISTED = 10  # files or pairs of a list; --json has them all
LONGEST_NAME = 44  # two of them fit on a line
NUMBERS = ("tracks", "rejected", "minutes", "artists")


def inspection_text(content: Mapping[str, Any]) -> str:
    """The whole text: tracks by genre, kinds of files, problems, protocols and times."""
    return "\n\n".join(_inspection_parts(content))


def _inspection_parts(content: Mapping[str, Any]) -> Iterator[str]:
    yield _wrapped(
        f"{content['folder']}: {content['files']} files, {content['tracks']} labelled and "
        f"{content['unlabelled']} unlabelled tracks, {content['hours']:.2f} hours, "
        f"{content['clips']} clips of {content['clip_seconds']} s"
    )
    yield _genres(content["genres"])
    if content["lengths"]:
        yield "\n".join(_kinds(content))
    yield from _problems(content)
    yield _protocols(content["protocols"])
    yield _times(content["seconds_needed"])


def _genres(genres: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [_short(each["genre"] or "(unlabelled)"), *map(str, map(each.get, NUMBERS))]
        for each in genres
    ]
    return aligned([["genre", *NUMBERS], *rows], right=range(1, 5))


def _kinds(content: Mapping[str, Any]) -> Iterator[str]:
    yield "lengths: {shortest:.1f} to {longest:.1f} s, median {median:.1f} s".format_map(
        content["lengths"]
    )
    for name in ("formats", "sample_rates", "channels"):
        counts = ", ".join(f"{value} ({count})" for value, count in content[name].items())
        yield _wrapped(f"{name.replace('_', ' ')}: {counts}")
    yield f"artists: known of {content['artists_known']} of {content['tracks']} labelled tracks"


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    if content["rejected"]:
        rejected = content["rejected"].items()
        yield _list("rejected", ([_short(path), clean(reason)] for path, reason in rejected))
    if content["truncated"]:
        truncated = content["truncated"]
        yield _list("shorter than their headers say", ([_short(path)] for path in truncated))
    replicas = content["replicas"]
    how = "by their sound" if replicas["by_sound"] else "by equal samples; --replicas also listens"
    pairs = ([_short(first), _short(second)] for first, second in replicas["pairs"])
    yield _list(f"pairs of tracks that are the same recording ({how})", pairs)


def _list(title: str, rows: Iterable[Sequence[str]]) -> str:
    cells = list(rows)
    lines = [f"{title}: {len(cells)}"]
    if cells:
        table = aligned(cells[:MOST_LISTED])
        lines += [_wrapped(f"  {line}", indent=6) for line in table.splitlines()]
    if len(cells) > MOST_LISTED:
        lines.append(f"  ... and {len(cells) - MOST_LISTED} more; --json has them all")
    return "\n".join(lines)


def _protocols(protocols: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["folds, by split.protocol:"]
    for name, answer in protocols.items():
        text = answer.get(
            "problem"
        ) or "{folds} folds, which test {tested_tracks} tracks".format_map(answer)
        lines.append(_wrapped(f"  {name:<10}{text}", indent=12))
    return "\n".join(lines)


def _times(seconds: Mapping[str, Any]) -> str:
    """A sentence for each stage that takes long; the figures are rough."""
    extract = ", ".join(f"{name} {duration(took)}" for name, took in seconds["extract"].items())
    lines = [
        f"roughly, with {seconds['workers']} workers, as measured here on these files:",
        f"  segment   {duration(seconds['segment'])}",
        _wrapped(
            f"  extract   {duration(sum(seconds['extract'].values()))} ({extract})", indent=12
        ),
        f"  replicas  {duration(seconds['replicas'])}",
    ]
    if seconds["train"] is not None:
        train = duration(seconds["train"])
        lines.append(f"  train     at most {train}, at the rate of an AMD EPYC with AVX512")
    return "\n".join(lines)


def _short(text: str) -> str:
    """`text` without its middle where it is too long: names end in what tells them apart."""
    text = clean(text)
    half = LONGEST_NAME // 2 - 2
    return text if len(text) <= LONGEST_NAME else f"{text[:half]}...{text[-half:]}"


def _wrapped(text: str, indent: int = 2) -> str:
    return "\n".join(wrap(clean(text), WIDTH, subsequent_indent=" " * indent))
