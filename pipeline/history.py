"""Command: the headline accuracy along the current branch, commit by commit, newest first.

`python -m pipeline.history` follows first parents and shows the commits that changed
metrics/summary.json. What a commit did not record is shown as `-`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.base.cli import aligned, clean, command_line, percent, run_stage
from pipeline.base.errors import PipelineError
from pipeline.runs.git import git, read_files
from pipeline.runs.revisions import SPLIT, SUMMARY, TRAINING

TRACK_ACCURACY, LEAKY_ACCURACY = "track_accuracy", "leaky_clip_accuracy"
LONGEST_SUBJECT, BAR = 40, 33  # characters
COLUMNS = ["commit", "date", "model", "feature", "protocol", "accuracy %", "95% interval"]
RIGHT = (5, 6)  # indices of the columns that are numbers


@dataclass(frozen=True)
class Entry:
    """A commit with the figures that it recorded; None for what it did not.

    Attributes
    ----------
    metric : str
        Name of the figure: `track_accuracy`, or `leaky_clip_accuracy`, which is of clips whose
        tracks trained the model and cannot be compared with anything.
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
        This is not a git repository, or it has no commit.
    """
    commits = _commits()
    files = read_files([commit[0] for commit in commits], (SUMMARY, SPLIT, TRAINING))
    found = zip(commits, files, strict=True)
    # A commit without figures deleted them.
    return [_entry(commit, each) for commit, each in found if _json(each[SUMMARY])]


def table(entries: Sequence[Entry]) -> str:
    """One line for each entry, with its interval as a bar; all bars share one scale."""
    shares = [share for e in entries for share in (e.low, e.accuracy, e.high) if share is not None]
    low, high = (min(shares), max(shares)) if shares else (0.0, 1.0)
    left, right = f"{percent(low)} %", f"{percent(high)} %"
    ends = left + right.rjust(BAR - len(left))
    rows = [[*COLUMNS, ends, "subject"]]
    rows += [[*_cells(entry), bar(entry, low, high), _cut(entry.subject)] for entry in entries]
    lines = [aligned(rows, right=RIGHT)]
    if any(entry.metric == LEAKY_ACCURACY for entry in entries):
        lines.append("leaky, x: clips of one track are on both sides; compare it with nothing")
    return "\n".join(lines)


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


def main() -> None:
    """Print the history of the current branch."""
    parser = command_line(__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
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


def _entry(commit: Sequence[str], files: dict[str, bytes | None]) -> Entry:
    figures = _json(files[SUMMARY])
    metric = LEAKY_ACCURACY if LEAKY_ACCURACY in figures else TRACK_ACCURACY
    trained = _object(_json(files[TRAINING]).get("parameters"))
    return Entry(
        commit=commit[1],
        date=commit[2],
        subject=commit[3],
        model=trained.get("model"),
        feature=trained.get("feature"),
        protocol=_json(files[SPLIT]).get("protocol"),
        metric=metric,
        accuracy=figures.get(metric),
        low=figures.get(f"{metric}_low"),
        high=figures.get(f"{metric}_high"),
    )


def _json(content: bytes | None) -> dict[str, Any]:
    """The object in a file; an empty one where the file is missing or broken."""
    try:
        return _object(json.loads(content or b"{}"))
    except ValueError:
        return {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _cells(entry: Entry) -> list[str]:
    accuracy = "-" if entry.accuracy is None else percent(entry.accuracy)
    interval = "-"
    if entry.low is not None and entry.high is not None:
        interval = f"{percent(entry.low)} to {percent(entry.high)}"
    return [
        *(entry.commit, entry.date),
        *(str(label or "-") for label in (entry.model, entry.feature, entry.protocol)),
        f"leaky {accuracy}" if entry.metric == LEAKY_ACCURACY else accuracy,
        interval,
    ]


def _cut(subject: str) -> str:
    text = clean(subject)
    return text if len(text) <= LONGEST_SUBJECT else f"{text[: LONGEST_SUBJECT - 3]}..."


if __name__ == "__main__":
    run_stage(main, kept="")
