"""A git repository that holds nothing but what stages record of a run."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.base.tables import write_csv, write_json

GENRES = ("blues", "metal", "rock")
SPLIT = {
    "protocol": "song",
    "judged": 12,
    "folds": 2,
    "folds_digest": "f" * 64,
    "dataset_digest": "d" * 64,
}
RIGHT = [genre for genre in GENRES for _ in range(4)]

Row = dict[str, Any]


def predictions(predicted: Sequence[str], groups: Sequence[str] = (), fold: int = 0) -> list[Row]:
    """A row for each of the twelve tracks, which are of `RIGHT`."""
    rows: list[Row] = []
    for number, (actual, guess) in enumerate(zip(RIGHT, predicted, strict=True)):
        row: Row = {"track_id": f"{actual}/{number:02}", "fold": fold, "actual": actual}
        row |= {"group": groups[number]} if groups else {}
        chances = {f"p_{genre}": 0.8 if genre == guess else 0.1 for genre in GENRES}
        rows.append({**row, "predicted": guess, **chances})
    return rows


def swapped(changes: Mapping[int, str]) -> list[str]:
    """`RIGHT`, but for some tracks."""
    return [changes.get(number, genre) for number, genre in enumerate(RIGHT)]


class Repository:
    """A repository in `folder`, on its branch main; DVC's as well if it is to be."""

    def __init__(self, folder: Path, *, dvc: bool = False) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_DATE": "1714979289 +0000",
            "GIT_COMMITTER_DATE": "1714979289 +0000",
        }
        self.run("git", "init", "-q", "-b", "main")
        self.run("git", "config", "user.name", "t")
        self.run("git", "config", "user.email", "t@example.org")
        if dvc:
            self.run("dvc", "init", "-q")

    def run(self, *command: str) -> str:
        """Output of a command that must succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(
        self,
        rows: Sequence[Row] = (),
        split: Mapping[str, Any] | None = SPLIT,
        summary: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> None:
        """Write what a run records; without `rows` no predictions, without `split` no split."""
        metrics = self.folder / "metrics"
        for name in ("predictions.csv", "split.json"):
            (metrics / name).unlink(missing_ok=True)
        if rows:
            write_csv(metrics / "predictions.csv", list(rows[0]), rows)
        if split is not None:
            write_json(metrics / "split.json", split)
        write_json(metrics / "summary.json", summary or {"track_accuracy": 0.5})
        labels = {"model": "cnn", "feature": "mel", **params}
        self.write_params(**labels)
        self.lock(**labels)

    def write_params(self, **params: Any) -> None:
        """Ask for something in params.yaml that did not run yet."""
        (self.folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")

    def lock(self, **params: Any) -> None:
        """Write the dvc.lock of a run that made the metrics as they lie there."""
        stages = {
            "split": {"outs": self._hashes("data/folds.csv", "metrics/split.json")},
            "train": {
                "deps": self._hashes("data/folds.csv"),
                "params": {"params.yaml": params},
                "outs": self._hashes("models/trained"),
            },
            "evaluate": {
                "deps": self._hashes("data/folds.csv", "models/trained"),
                "outs": self._hashes("metrics/predictions.csv", "metrics/summary.json"),
            },
        }
        lock = yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False)
        (self.folder / "dvc.lock").write_text(lock, encoding="utf-8")

    def _hashes(self, *paths: str) -> list[dict[str, str]]:
        """As DVC notes them; what is no file here has a hash of its name."""
        files = {path: self.folder / path for path in paths}
        contents = {
            path: file.read_bytes() if file.is_file() else path.encode()
            for path, file in files.items()
        }
        return [
            {"path": path, "hash": "md5", "md5": hashlib.md5(content).hexdigest()}
            for path, content in contents.items()
        ]

    def commit(self, subject: str, branch: str = "") -> str:
        """Commit everything, on a new branch from here if one is named; the short hash."""
        if branch:
            self.run("git", "checkout", "-q", "-b", branch)
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", subject)
        return self.run("git", "rev-parse", "--short", "HEAD")
