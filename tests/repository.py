"""What a run records, without a run: its files in a folder, and git repositories of them."""

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from project import Shell

from pipeline.base.cli import run_stage
from pipeline.base.files import (
    HISTORIES,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINING,
    VALIDATION_PREDICTIONS,
    content_digest,
    write_csv,
    write_json,
)
from pipeline.evaluation.predictions import Predictions, parse_predictions
from pipeline.runs.revisions import Revision

GENRES = ("blues", "metal", "rock")
ACTUAL = [genre for genre in GENRES for _ in range(4)]
ARTISTS = list("AABBCCDDEEFF")
FIGURES = {
    "protocol": "song",
    "judged": "all",
    "folds": 2,
    "folds_digest": "f" * 64,
    "dataset_digest": "d" * 64,
    "group": "artist",
    "artists_kept": False,
    "known_artist_share": 0.0,
}
TRAINED = {"model": "cnn", "feature": "mel", "seed": 42}

Row = dict[str, Any]


def except_for(changes: Mapping[int, str]) -> list[str]:
    """`ACTUAL` with the genres of some tracks changed."""
    return [changes.get(number, genre) for number, genre in enumerate(ACTUAL)]


# Of the twelve tracks main has 8 right, better 11; one is right in main alone.
MAIN = except_for({0: "rock", 1: "rock", 5: "rock", 9: "blues"})
BETTER = except_for({2: "metal"})
WRONG = [GENRES[GENRES.index(genre) - 1] for genre in ACTUAL]


def predictions(
    predicted: Sequence[str], groups: Sequence[str] = (), fold: int = 0, chance: float = 0.8
) -> list[Row]:
    """One row for each of the twelve tracks; without `groups`, each is a group.

    `chance` is the probability of every predicted genre.
    """
    rows: list[Row] = []
    rest = round((1 - chance) / 2, 4)
    for number, (actual, guess) in enumerate(zip(ACTUAL, predicted, strict=True)):
        track_id = f"{actual}/{number:02}"
        group = groups[number] if groups else track_id
        row: Row = {"track_id": track_id, "fold": fold, "group": group, "actual": actual}
        chances = {f"p_{genre}": chance if genre == guess else rest for genre in GENRES}
        rows.append({**row, "predicted": guess, **chances})
    return rows


def table(rows: Sequence[Row]) -> Predictions:
    """The predictions of rows as they are in a file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return parse_predictions(text.getvalue().encode(), "made up")


def revision(name: str, rows: Sequence[Row], **labels: Any) -> Revision:
    """A revision as it is after reading; `labels` may be parameters, too."""
    given: Row = {"commit": "abc1234", "seconds": 60.0, "split": FIGURES, "summary": {}}
    trained = {key: value for key, value in labels.items() if key not in given}
    given |= {key: labels[key] for key in given.keys() & labels.keys()}
    return Revision(name, parameters={**TRAINED, **trained}, tracks=table(rows), **given)


def write_run(
    folder: Path,
    rows: Sequence[Row] = (),
    figures: Mapping[str, Any] | None = FIGURES,
    summary: Mapping[str, Any] | None = None,
    **trained: Any,
) -> None:
    """Write what a run records; without `rows` no predictions, without `figures` no split."""
    for path in (PREDICTIONS, SPLIT):
        (folder / path).unlink(missing_ok=True)
    if rows:
        write_csv(folder / PREDICTIONS, list(rows[0]), rows)
    if figures is not None:
        write_json(folder / SPLIT, figures)
    write_json(folder / SUMMARY, summary or {"track_accuracy": 0.5})
    write_json(folder / TRAINING, {"parameters": {**TRAINED, **trained}, "seconds": 60.0})
    write_scores(folder)


def write_scores(folder: Path) -> None:
    """Write the metrics/scores.json of a run that wrote the other files as they are."""
    files = (SPLIT, TRAINING, HISTORIES, VALIDATION_PREDICTIONS, SUMMARY, PREDICTIONS)
    digests = {
        path.as_posix(): content_digest((folder / path).read_bytes())
        for path in files
        if (folder / path).is_file()
    }
    write_json(folder / SCORES, {"vote": "majority", "sha256": digests})


def write_history(folder: Path, *folds: Sequence[tuple[float, float]]) -> None:
    """Write metrics/history.csv, with the inner validation loss and accuracy of each epoch."""
    columns = ("fold", "epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    rows = [
        dict(zip(columns, (fold, epoch, 1.0, 1.0, *validated), strict=True))
        for fold, epochs in enumerate(folds)
        for epoch, validated in enumerate(epochs, 1)
    ]
    write_csv(folder / HISTORIES, columns, rows)
    write_scores(folder)


def command(main: Callable[[], None], *arguments: object) -> None:
    """Run a command with these arguments, as its file does."""
    with mock.patch.object(sys, "argv", [main.__module__, *map(str, arguments)]):
        run_stage(main)


class Repository(Shell):
    """A git repository in `folder`, on its branch main; DVC's as well if it is to be.

    The project is in the folder `below` of it.
    """

    def __init__(self, folder: Path, *, dvc: bool = False, below: str = ".") -> None:
        date = "1714979289 +0000"
        super().__init__(folder, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        self.run("git", "init", "-q", "-b", "main")
        self.folder = folder / below
        self.folder.mkdir(exist_ok=True)
        if dvc:
            self.run("dvc", "init", "-q", *([] if below == "." else ["--subdir"]))

    def write(self, *rows: Row, **recorded: Any) -> None:
        """Write what a run records; see `write_run`."""
        write_run(self.folder, rows, **recorded)

    def ask_for(self, **params: Any) -> None:
        """Ask in params.yaml for something that has not run yet."""
        (self.folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")

    def name(self, experiment: str, commit: str, baseline: str) -> None:
        """Name a commit as DVC does an experiment that started from `baseline`."""
        reference = f"refs/exps/{baseline[:2]}/{baseline[2:]}/{experiment}"
        self.run("git", "update-ref", reference, commit)

    def commit(self, subject: str, branch: str = "") -> str:
        """Commit everything, on a new branch from here if one is named; the hash."""
        if branch:
            self.run("git", "checkout", "-q", "-b", branch)
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", subject)
        return self.run("git", "rev-parse", "HEAD")
