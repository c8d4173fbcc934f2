"""Command: the headline accuracy along the current branch, commit by commit, newest first.

`python -m pipeline.history` follows first parents and shows the commits that changed
metrics/summary.json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import yaml

from pipeline.base.entry import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.terminal import aligned, clean, percent
from pipeline.comparison.git import git, read_files
from pipeline.comparison.recorded import PARAMS, SPLIT, SUMMARY

TRACK_ACCURACY, LEAKY_ACCURACY = "track_accuracy", "leaky_clip_accuracy"
LONGEST_SUBJECT, BAR = 40, 33  # characters
COLUMNS = ["commit", "date", "model", "feature", "protocol", "accuracy %", "95% interval"]


@dataclass(frozen=True)
class Entry:
    """A commit with the figures that it recorded; None for what it did not.

    Attributes
    ----------
    metric : str
        Name of the figure: `track_accuracy`, or `leaky_clip_accuracy`, which is of clips whose
        tracks trained the model and compares with nothing.
    accuracy, low, high : float or None
        With its 95 % interval.
    """

    commit: str
    date: str
    subject: str
    model: str | None
    feature: str | None
    protocol: str | None
    metric: str
    accuracy: float | None
    low: float | None
    high: float | None


def read_history() -> list[Entry]:
    """Commits of the current branch that changed metrics/summary.json, the newest first.

    Raises
    ------
    PipelineError
        This is no git repository, or it has no commit.
    """
    paths = (SUMMARY, SPLIT, PARAMS)
    commits = _commits()
    files = read_files([f"{commit[0]}:./{path}" for commit in commits for path in paths])
    found = (_entry(commit, *files[3 * n : 3 * n + 3]) for n, commit in enumerate(commits))
    return [entry for entry in found if entry is not None]


def table(entries: Sequence[Entry]) -> str:
    """A line an entry, with its interval as a bar on a scale that all share."""
    drawn = [e for e in entries if e.accuracy is not None]
    shares = [s for e in drawn for s in (e.low, e.accuracy, e.high) if s is not None]
    low, high = (min(shares), max(shares)) if shares else (0.0, 1.0)
    ends = f"{percent(low)}{percent(high).rjust(BAR - len(percent(low)))}"
    rows = [[*COLUMNS, ends, "subject"]]
    rows += [[*_cells(entry), bar(entry, low, high), _cut(entry.subject)] for entry in entries]
    lines = [aligned(rows, right=(5, 6))]
    if any(entry.metric == LEAKY_ACCURACY for entry in entries):
        lines.append("leaky, x: clips of one track are on both sides; compares with nothing")
    return "\n".join(lines)


def bar(entry: Entry, low: float, high: float) -> str:
    """The interval and `o` (leaky: `x`) at the accuracy, where `BAR` characters are low to high."""

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


def main() -> None:
    """Print the history of the current branch."""
    parser = command_line(__doc__)
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    arguments = parser.parse_args()
    entries = read_history()
    if arguments.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
    elif entries:
        print(table(entries))
    else:
        raise PipelineError(
            f"no commit of this branch has {SUMMARY} below this folder; run `dvc repro` and commit"
        )


def _commits() -> list[list[str]]:
    """Hash, short hash, date and subject of each commit."""
    form = "--format=%H%x00%h%x00%ad%x00%s"
    log = ["log", "--first-parent", "--no-show-signature", "--date=short", form, "--", SUMMARY]
    lines = git(log).decode(errors="replace").split("\n")
    return [line.split("\0") for line in lines if line]


def _entry(
    commit: Sequence[str], summary: bytes | None, split: bytes | None, params: bytes | None
) -> Entry | None:
    figures, labels = _mapping(summary), _mapping(params)
    if not figures:  # the commit deleted it
        return None
    metric = LEAKY_ACCURACY if LEAKY_ACCURACY in figures else TRACK_ACCURACY
    return Entry(
        commit=commit[1],
        date=commit[2],
        subject=commit[3],
        model=labels.get("model"),
        feature=labels.get("feature"),
        protocol=_mapping(split).get("protocol") or _asked_protocol(labels),
        metric=metric,
        accuracy=figures.get(metric),
        low=figures.get(f"{metric}_low"),
        high=figures.get(f"{metric}_high"),
    )


def _asked_protocol(params: Mapping[str, Any]) -> Any:
    """What commits that are older than metrics/split.json have; possibly nothing."""
    section = params.get("split")
    return section.get("protocol") if isinstance(section, dict) else None


@cache  # most commits have the params.yaml of the one before
def _mapping(content: bytes | None) -> dict[str, Any]:
    """What a file says; nothing where it is missing or broken, as old commits may have it."""
    try:
        found = yaml.safe_load(content or b"")  # reads JSON, too
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _cells(entry: Entry) -> list[str]:
    labels = [entry.model, entry.feature, entry.protocol]
    accuracy = "-" if entry.accuracy is None else percent(entry.accuracy)
    known = entry.low is not None and entry.high is not None
    return [
        entry.commit,
        entry.date,
        *(clean(str(label)) if label else "-" for label in labels),
        f"leaky {accuracy}" if entry.metric == LEAKY_ACCURACY else accuracy,
        f"{percent(entry.low or 0)} to {percent(entry.high or 0)}" if known else "-",
    ]


def _cut(subject: str) -> str:
    text = clean(subject)
    return text if len(text) <= LONGEST_SUBJECT else f"{text[: LONGEST_SUBJECT - 3]}..."


if __name__ == "__main__":
    run_stage(main)
