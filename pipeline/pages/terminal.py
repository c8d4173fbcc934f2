"""Comparisons, rankings, trials and inspections as text for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from pipeline.base.cli import aligned, clean, duration, p_text, percent, points
from pipeline.pages.tables import (
    Row,
    Table,
    ablation_table,
    clips_table,
    differences_table,
    genres_table,
    heading,
    interval,
    matrix_table,
    named_differences,
    notes,
    parameters_table,
    protocols_table,
    robustness_table,
    sides_table,
    weights_table,
)
from pipeline.runs.combination import NAME, Combination
from pipeline.runs.comparison import ChangedTrack, Comparison, Difference, Side
from pipeline.runs.ranking import LEAKY_ACCURACY, Entry, Group, Ranking
from pipeline.runs.revisions import differing, value_of

WIDTH = 100  # characters of a line
MOST_CHANGED = 10  # tracks of a list; --json has them all
LONGEST_VALUE = 30  # characters of a parameter
LONGEST_SUBJECT, BAR = 40, 33  # characters of a line of the history
MOST_LISTED = 10  # files or pairs of a list; --json has them all
LONGEST_NAME = 44  # two of them fit on a line
NUMBERS = ("tracks", "rejected", "minutes", "artists")

VOTED = "combined: the genre with the highest mean probability; single revisions: their own vote."
WEIGHED = (
    "Weights: learned by log loss from {tracks} inner validation tracks in each fold, on which no\n"
    "model was trained; a revision that does not help there gets none."
)
KNOWN = (
    "Artists may be on both sides of these folds: a gain here says little about music by artists\n"
    "who are new. Combine runs under the protocol artist to see what it is worth there."
)
BEST = "The best single revision was picked on the test tracks, so its accuracy is optimistic."
RANKED = (
    "seconds: what all folds took to train. Holm p: McNemar's test against the best, corrected\n"
    "for the number of runs. The best of many is flattered, as it was chosen on the tracks that\n"
    "test it; the validation curves in metrics/curves.csv are there to choose by."
)
SEVERAL = (
    "Runs under different headings were tested on other tracks, or with other folds: their\n"
    "accuracies do not say which is better."
)


def shown(table: Table) -> str:
    """A table for a terminal."""
    numbers = range(table.labels, len(table.columns))
    return aligned([table.columns, *table.rows], right=numbers)


def comparison_text(comparison: Comparison) -> str:
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
    for side, difference in comparison.pairs:
        genres = genres_table(before, side.name, difference)
        yield f"right tracks by genre\n{shown(genres)}"
        yield _tracks(f"turned right in {side.name}", before, side.name, difference.gained)
        yield _tracks(f"turned wrong in {side.name}", before, side.name, difference.lost)


def _tracks(title: str, before: str, after: str, tracks: Sequence[ChangedTrack]) -> str:
    """The first of the tracks that changed sides, and how many more there are."""
    rows = [["track", "actual", before, after]]
    rows += [[t.track_id, t.actual, t.before, t.after] for t in tracks[:MOST_CHANGED]]
    lines = [f"{clean(title)}: {len(tracks)}"]
    if tracks:
        lines.append(aligned(rows))
    if len(tracks) > MOST_CHANGED:
        lines.append(f"... and {len(tracks) - MOST_CHANGED} more; --json has them all")
    return "\n".join(lines)


def combination_text(combination: Combination) -> str:
    """The whole combination: weights, all sides, the gains, then that over the best by genre."""
    return "\n\n".join(_combination_parts(combination))


def _combination_parts(combination: Combination) -> Iterator[str]:
    comparison, parts = combination.comparison, combination.parts
    tracks = combination.weights.tracks
    how = "by the inner validation" if tracks.any() else "equally"
    yield f"{clean(heading(comparison))}; {len(parts)} revisions, weighted {how}"
    if tracks.any():
        counts = " to ".join(map(str, dict.fromkeys([tracks.min(), tracks.max()])))
        yield f"{shown(weights_table(combination))}\n{WEIGHED.format(tracks=counts)}"
    yield shown(sides_table(comparison.sides))
    keys = differing([part.parameters for part in parts])
    if keys:
        yield shown(parameters_table(comparison.others, keys))
    names = [f"{NAME} minus {part.name}" for part in parts]
    names[combination.best] += ", the best"
    yield shown(differences_table(list(zip(names, combination.gains, strict=True))))
    gain = combination.gains[combination.best]
    yield "\n".join(
        map(clean, [_verdict(gain, parts[combination.best].name), *notes(comparison), VOTED, BEST])
    )
    if not parts[0].split.get("artists_kept"):
        yield KNOWN
    genres = genres_table(parts[combination.best].name, NAME, gain)
    yield f"right tracks by genre\n{shown(genres)}"
    if combination.clips:
        yield shown(clips_table(combination.clips))
    else:
        yield clean(f"per track only: {combination.no_clips}")


def _verdict(gain: Difference, best: str) -> str:
    """Whether the interval of the gain over the best part contains 0."""
    if gain.low <= 0 <= gain.high:
        return f"The difference from {best} is within noise: its interval contains 0."
    return f"The combination is {'better' if gain.low > 0 else 'worse'} than {best}, beyond noise."


def ranking_text(ranking: Ranking) -> str:
    """The whole ranking, in lines of at most `WIDTH` characters."""
    return "\n\n".join(_ranking_parts(ranking))


def _ranking_parts(ranking: Ranking) -> Iterator[str]:
    number = 1
    for group in ranking.groups:
        yield _group(group, number)
        number += len(group.comparison.sides)
    if ranking.differing:
        yield "\n\n".join(["parameters that differ", *_parameters(ranking)])
    if len(ranking.sides) > 1:
        yield RANKED
    if len(ranking.groups) > 1:
        yield SEVERAL
    if ranking.left_out:
        reasons = (_cut(f"{name}: {why}", WIDTH) for name, why in ranking.left_out.items())
        yield "\n".join(["left out", *reasons])


def _group(group: Group, first: int) -> str:
    """One line for each run of a group; their numbers begin with `first`."""
    comparison = group.comparison
    columns = ["#", "accuracy %", "95% interval", "minus best", "95% interval", "Holm p", "seconds"]
    pairs = enumerate([(comparison.reference, None), *comparison.pairs], first)
    figures = [columns, *([str(number), *_figures(*pair)] for number, pair in pairs)]
    room = WIDTH - _width(list(zip(*figures, strict=True))) - 2
    names = ["run", *(_cut(side.name, room) for side in comparison.sides)]
    rows = [[row[0], name, *row[1:]] for row, name in zip(figures, names, strict=True)]
    title = f"{heading(comparison)} ({group.split['folds']} folds)"
    return f"{clean(title)}\n{aligned(rows, right=(0, *range(2, 8)))}"


def _figures(side: Side, difference: Difference | None) -> list[str]:
    paired = ["-"] * 3
    if difference:
        bounds = interval(difference.low, difference.high, points)
        paired = [points(difference.difference), bounds, p_text(difference.p_holm)]
    return [
        percent(side.accuracy),
        interval(side.low, side.high),
        *paired,
        f"{side.seconds:.0f}",
    ]


def _parameters(ranking: Ranking) -> list[str]:
    """The parameters that differ, a column for each, in as many tables as the width needs."""
    sides = ranking.sides
    numbers = ["#", *(str(number + 1) for number, _ in enumerate(sides))]
    columns = [
        [key, *(_cut(value_of(side.parameters, key), LONGEST_VALUE) for side in sides)]
        for key in ranking.differing
    ]
    tables: list[list[Sequence[str]]] = [[numbers]]
    for column in columns:
        if _width([*tables[-1], column]) > WIDTH and len(tables[-1]) > 1:
            tables.append([numbers])
        tables[-1].append(column)
    return [aligned(list(zip(*table, strict=True)), right=[0]) for table in tables]


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def history_text(entries: Sequence[Entry]) -> str:
    """A table for each collection of music, as figures of two say nothing about one another."""
    collections = dict.fromkeys(entry.dataset for entry in entries)
    tables = [_history([each for each in entries if each.dataset == name]) for name in collections]
    if len(tables) > 1:
        names = (clean(name or "an unknown collection") for name in collections)
        tables = [f"{name}\n{table}" for name, table in zip(names, tables, strict=True)]
    if any(entry.metric == LEAKY_ACCURACY for entry in entries):
        tables[-1] += "\nleaky, x: clips of one track are on both sides; compare it with nothing"
    return "\n\n".join(tables)


def _history(entries: Sequence[Entry]) -> str:
    """One line for each entry, with its interval as a bar; all bars share one scale."""
    shares = [share for e in entries for share in (e.low, e.accuracy, e.high) if share is not None]
    low, high = (min(shares), max(shares)) if shares else (0.0, 1.0)
    left, right = f"{percent(low)} %", f"{percent(high)} %"
    columns = ["commit", "date", "model", "feature", "protocol", "accuracy %", "95% interval"]
    rows = [[*columns, left + right.rjust(BAR - len(left)), "subject"]]
    for entry in entries:
        subject = _cut(clean(entry.subject), LONGEST_SUBJECT)
        rows.append([*_entry(entry), bar(entry, low, high), subject])
    return aligned(rows, right=(5, 6))


def _entry(entry: Entry) -> list[str]:
    accuracy = "-" if entry.accuracy is None else percent(entry.accuracy)
    bounds = "-"
    if entry.low is not None and entry.high is not None:
        bounds = interval(entry.low, entry.high)
    return [
        *(entry.commit, entry.date),
        *(str(label or "-") for label in (entry.model, entry.feature, entry.protocol)),
        f"leaky {accuracy}" if entry.metric == LEAKY_ACCURACY else accuracy,
        bounds,
    ]


def bar(entry: Entry, low: float, high: float) -> str:
    """The interval, with `o` (leaky: `x`) at the accuracy, in `BAR` characters from low to high."""

    def place(share: float) -> int:
        return round((BAR - 1) * (share - low) / (high - low or 1))

    cells = [" "] * BAR
    if entry.low is not None and entry.high is not None:
        first, last = place(entry.low), place(entry.high)
        cells[first : last + 1] = "-" * (last + 1 - first)
        cells[first] = cells[last] = "|"
    if entry.accuracy is not None:
        cells[place(entry.accuracy)] = "x" if entry.metric == LEAKY_ACCURACY else "o"
    return "".join(cells)


def ablation_text(rows: Sequence[Row]) -> str:
    """The trials of an ablation, in percent."""
    return shown(ablation_table(rows))


def robustness_text(protocol: str, rows: Sequence[Row]) -> str:
    """What each deformation costs each revision."""
    return f"{rows[0]['tracks']} tracks, split by {protocol}\n{shown(robustness_table(rows))}"


def protocols_text(rows: Sequence[Row]) -> str:
    """The protocols, and by how much the leaky one's clip accuracy exceeds the others'."""
    leaky = [row["leaky_clip_accuracy"] for row in rows if "leaky_clip_accuracy" in row]
    leads = [
        f"clip (leaks) minus {row['protocol']}: {points(leaky[0] - row['clip_accuracy'])} points "
        "of clip accuracy"
        for row in rows
        if leaky and "clip_accuracy" in row
    ]
    return "\n".join([shown(protocols_table(rows)), *leads])


def inspection_text(content: Mapping[str, Any]) -> str:
    """The whole text: tracks by genre, kinds of files, problems, protocols and times."""
    return "\n\n".join(_inspection_parts(content))


def _inspection_parts(content: Mapping[str, Any]) -> Iterator[str]:
    yield _wrapped(
        f"{content['folder']}: {content['files']} files, {content['tracks']} labelled and "
        f"{content['unlabelled']} unlabelled tracks, {content['hours']:.2f} hours, "
        f"{content['clips']} clips of {content['clip_seconds']} s"
    )
    if content["note"]:
        yield _wrapped(content["note"])
    yield _genres(content["genres"], f"{content['group']}s")
    if content["lengths"]:
        yield "\n".join(_kinds(content))
    yield from _problems(content)
    yield _protocols(content["protocols"])
    yield _times(content["seconds_needed"])


def _genres(genres: Sequence[Mapping[str, Any]], grouped: str) -> str:
    rows = [
        [_short(each["genre"] or "(unlabelled)"), *map(str, map(each.get, NUMBERS))]
        for each in genres
    ]
    return aligned([["genre", *NUMBERS[:-1], grouped], *rows], right=range(1, 5))


def _kinds(content: Mapping[str, Any]) -> Iterator[str]:
    yield "lengths: {shortest:.1f} to {longest:.1f} s, median {median:.1f} s".format_map(
        content["lengths"]
    )
    for name in ("formats", "sample_rates", "channels"):
        counts = ", ".join(f"{value} ({count})" for value, count in content[name].items())
        yield _wrapped(f"{name.replace('_', ' ')}: {counts}")
    known = f"{content['artists_known']} of {content['tracks']} labelled tracks"
    yield f"{content['group']}s: known of {known}"


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    if small := content["small_genres"]:
        least = content["least_tracks"]
        lost = "without a usable track, which stop a run; see split.least_tracks"
        why = f"left out, as split.least_tracks = {least}" if least else lost
        rows = ([_short(genre), clean(text)] for genre, text in small.items())
        yield _list(f"genres {why}", rows)
    for title in ("rejected", "marked"):
        if content[title]:
            yield _list(title, ([_short(path), clean(why)] for path, why in content[title].items()))
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
        text = "; ".join([text, *answer.get("warnings", [])])
        lines.append(_wrapped(f"  {name:<10}{text}", indent=12))
    return "\n".join(lines)


def _times(seconds: Mapping[str, Any]) -> str:
    """A sentence for each stage that takes long; the figures are rough."""
    extract = ", ".join(f"{name} {duration(took)}" for name, took in seconds["extract"].items())
    lines = [
        f"roughly, with {seconds['workers']} workers, as measured here:",
        f"  segment   {duration(seconds['segment'])}",
        _wrapped(
            f"  extract   {duration(sum(seconds['extract'].values()))} ({extract})", indent=12
        ),
        f"  replicas  {duration(seconds['replicas'])}",
    ]
    if train := seconds["train"]:
        less = ", or less, as it may stop early" if train["stops_early"] else ""
        rate = f"{train['clips_per_second']:.0f} clips/s in each fold"
        lines.append(f"  train     {duration(train['seconds'])} ({rate}){less}")
    return "\n".join(lines)


def _short(text: str) -> str:
    """`text` without its middle where it is too long: names end in what tells them apart."""
    text = clean(text)
    half = LONGEST_NAME // 2 - 2
    return text if len(text) <= LONGEST_NAME else f"{text[:half]}...{text[-half:]}"


def _wrapped(text: str, indent: int = 2) -> str:
    return "\n".join(wrap(clean(text), WIDTH, subsequent_indent=" " * indent))
