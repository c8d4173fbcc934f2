"""What an edit runs again: each row of the table in docs/development.md, in a repository."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import write_params
from project import PARTS, copy_parts

# What is edited, and which stages may run again; the cache serves those whose results stay.
TABLE = {
    "pipeline/augmentation/sounds.py": {"check", "augment", "train", "report"},
    "pipeline/features/mel.py": {"check", "extract@mel", "augment", "train", "predict", "report"},
    "models/ann.py": {"check"},  # while model: cnn
    "pipeline/training/fit.py": {"check", "train", "evaluate", "predict"},
    "pipeline/audio/decode.py": {"segment", "predict", "report"},
    "pipeline/folds/protocols.py": {"check_tracks", "split", "train", "evaluate"},
    "pipeline/evaluation/predictions.py": {"evaluate", "predict", "report"},
    "pipeline/pages/charts.py": {"report"},
    "pipeline/pages/templates/browser/list.js": {"report"},
    "pipeline/compare.py": set[str](),
    "pipeline/runs/comparison.py": set[str](),
    "tests/test_edits.py": set[str](),
}
# Parameters that change, while feature: mel and model: cnn.
PARAMS = {
    "extract.grey.height": {"check", "extract@grey"},
    "models.ann.epochs": {"check"},
    "models.cnn.epochs": {"check", "train"},
    "segment.seconds": {"check", "segment"},
    "evaluate.vote": {"check", "evaluate"},
    "split.folds": {"check", "check_tracks", "split"},
    "augment.copies": {"check", "augment", "train"},
    "report.tracks": {"check", "report"},
}
OTHER: dict[str, Any] = {"segment.seconds": 1, "evaluate.vote": "mean"}


class Repository:
    """A copy of the project in which every stage counts as up to date."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_parts([*PARTS, "tests/test_edits.py"], folder)
        write_params(folder, {})
        self.run("git", "init", "-q")
        self._make_outputs()
        self.run("dvc", "commit", "--force", "--quiet")

    def _make_outputs(self) -> None:
        """A file for every output: the stages themselves are not run."""
        for stage in yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"].values():
            for part in ("outs", "metrics", "plots"):
                for out in stage.get(part, []):
                    path = next(iter(out)) if isinstance(out, dict) else out
                    for feature in ("grey", "colour", "mel", "centroid"):
                        file = self.folder / path.replace("${item.feature}", feature)
                        file.parent.mkdir(parents=True, exist_ok=True)
                        if file.suffix:
                            file.write_text(path)
                        elif not file.is_dir():
                            file.mkdir()
                            (file / "content").write_text(path)

    def run(self, *command: str) -> str:
        """Output of a command that must succeed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def outdated(self) -> set[str]:
        """Stages whose own code, or parameters, changed; those after them follow if they must."""
        status = json.loads(self.run("dvc", "status", "--json"))
        return set(status)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = Repository(tmp_path_factory.mktemp("repository"))
    assert repository.outdated() == set()
    return repository


@pytest.mark.parametrize("path", TABLE)
def test_an_edit_of_code_runs_no_more_than_the_table_says(
    path: str, repository: Repository
) -> None:
    file = repository.folder / path
    before = file.read_text()
    file.write_text(f"{before}\nEDITED = True\n")
    try:
        outdated = repository.outdated()
    finally:
        file.write_text(before)
    assert outdated <= TABLE[path]
    assert bool(outdated) == bool(TABLE[path])


@pytest.mark.parametrize("key", PARAMS)
def test_an_edit_of_a_parameter_runs_no_more_than_what_reads_it(
    key: str, repository: Repository
) -> None:
    value = OTHER.get(key, 7)
    write_params(repository.folder, {key: value})
    try:
        assert repository.outdated() == PARAMS[key]
    finally:
        write_params(repository.folder, {})


def test_compiled_files_are_no_edit(repository: Repository) -> None:
    folder = repository.folder / "pipeline/training/__pycache__"
    folder.mkdir()
    (folder / "fitting.cpython-311.pyc").write_bytes(b"compiled")
    try:
        assert repository.outdated() == set()
    finally:
        shutil.rmtree(folder)
