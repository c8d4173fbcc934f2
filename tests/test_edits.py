"""What an edit runs again: each row of the table in docs/development.md, in a repository."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import write_params
from dvc.repo import Repo
from project import PARTS, ROOT, copy_parts

OTHER: dict[str, Any] = {
    "segment.seconds": 1,
    "split.group": "album",
    "evaluate.vote": "product",
}  # than in params.yaml


def read_table() -> dict[str, set[str]]:
    """For each file and key of params.yaml, the stages that an edit of it makes out of date."""
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    section = page.partition("\n## What an edit runs again\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    named = [[re.findall("`([^`]+)`", cell) for cell in row] for row in rows]
    assert named
    return {edit: set(stages) for edits, stages in named for edit in edits}


TABLE = read_table()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A copy of the project in which every stage counts as up to date: none is run."""
    folder = tmp_path_factory.mktemp("repository")
    copy_parts([*PARTS, "tests/test_edits.py"], folder)
    write_params(folder, {})
    for out in outputs(folder):
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix:
            out.write_text("output")
        else:
            out.mkdir(exist_ok=True)
            (out / "content").write_text("output")
    subprocess.run(["git", "init", "-q", folder], check=True)
    with chdir(folder), Repo() as repo:
        repo.commit(force=True)
        assert outdated(repo) == set()
        yield repo


def outputs(folder: Path) -> Iterator[Path]:
    """Every output in dvc.yaml; those of a matrix once for each feature."""
    for stage in yaml.safe_load((folder / "dvc.yaml").read_text())["stages"].values():
        for out in [each for part in ("outs", "metrics", "plots") for each in stage.get(part, [])]:
            path = next(iter(out)) if isinstance(out, dict) else out
            for feature in ("grey", "colour", "mel", "centroid"):
                yield folder / path.replace("${item.feature}", feature)


def outdated(repository: Repo) -> set[str]:
    """Stages whose own code or parameters changed; those after them follow if they must."""
    return set(repository.status())


@contextmanager
def edited(edit: str) -> Iterator[None]:
    """Add a line to a file, or give another value to a key of params.yaml."""
    file = Path(edit if "/" in edit else "params.yaml")
    before = file.read_text()
    if "/" in edit:
        file.write_text(f"{before}\nEDITED = True\n")
    else:
        write_params(Path(), {edit: OTHER.get(edit, 7)})
    try:
        yield
    finally:
        file.write_text(before)


@pytest.mark.parametrize("edit", TABLE)
def test_an_edit_makes_the_stages_of_its_row_out_of_date(edit: str, repository: Repo) -> None:
    with edited(edit):
        assert outdated(repository) == TABLE[edit]


def test_compiled_files_are_no_edit(repository: Repo) -> None:
    compiled = Path("pipeline/training/__pycache__/fit.cpython-311.pyc")
    compiled.parent.mkdir()
    compiled.write_bytes(b"compiled")
    assert outdated(repository) == set()
