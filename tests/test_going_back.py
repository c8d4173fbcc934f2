"""The lines by which the pages go back to a commit, typed where its models are somebody else's.

The commands in dvc.yaml are replaced by a script that writes what follows from the parameters where
models are made or used, so that DVC is tested on the real stages and nothing is trained.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from documents import write_params
from project import PARTS, ROOT, copy_parts
from repository import Repository

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINES = {
    line.split("  #")[0].strip()
    for page in PAGES
    for line in re.findall(r"git checkout \. &&[^`\n]*", page.read_text(encoding="utf-8"))
}
# Stages whose outputs another processor would compute otherwise.
FOREIGN = ("train", "evaluate", "predict", "report")
STAGE = f"""
import pathlib, sys
stage, *names = sys.argv[1:]
text = pathlib.Path("params.yaml").read_text() if stage in {FOREIGN} else stage
for name in names:
    path = pathlib.Path(name)
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path = path / "content"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
"""


def quick_stages(document: dict[str, Any]) -> dict[str, Any]:
    """The document of dvc.yaml, with the script as every stage's command."""
    for name, stage in document["stages"].items():
        parts = [out for part in ("outs", "metrics", "plots") for out in stage.get(part, [])]
        paths = [next(iter(out)) if isinstance(out, dict) else out for out in parts]
        stage["cmd"] = f"python stage.py {name} {' '.join(paths)}"
    return document


class Clone(Repository):
    """A clone in which one run was made and committed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        copy_parts([*PARTS, "Makefile"], folder)
        document = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
        (folder / "dvc.yaml").write_text(yaml.safe_dump(quick_stages(document), sort_keys=False))
        (folder / "stage.py").write_text(STAGE)
        (folder / ".venv").mkdir()
        (folder / ".venv/.ready").touch()  # the environment is the one that tests run in
        self.compute(epochs=5)

    def compute(self, epochs: int) -> None:
        """Run what is out of date, with so many epochs."""
        write_params(self.folder, {"models.cnn.epochs": epochs, "extract.features": ["mel"]})
        self.run("dvc", "repro")

    def make_repro(self) -> str:
        """The last line that `make repro` prints."""
        quiet = "--no-print-directory"  # within `make test`, make would say where it is
        return self.run("make", quiet, "repro", "--old-file=.venv/.ready").splitlines()[-1]

    def commit_as_another_machine(self, subject: str) -> str:
        """Commit the run as if its models, and what follows from them, had other bytes."""
        path = self.folder / "dvc.lock"
        before = path.read_text()
        lock = yaml.safe_load(before)
        outs = [out for name in FOREIGN for out in lock["stages"][name]["outs"]]
        foreign = {out["path"] for out in outs} | {"metrics"}
        for stage in lock["stages"].values():
            for entry in [*stage.get("deps", []), *stage.get("outs", [])]:
                if entry["path"] in foreign:
                    entry["md5"] = entry["md5"].translate(str.maketrans("0123456789", "abcdefabcd"))
        path.write_text(yaml.safe_dump(lock, sort_keys=False))
        commit = self.commit(subject)
        path.write_text(before)
        return commit

    def epochs(self) -> int:
        """The epochs for which the models in the workspace were trained."""
        document = yaml.safe_load((self.folder / "data/models/content").read_text())
        return int(document["models"]["cnn"]["epochs"])


def test_pages_say_how_to_go_back_to_the_last_commit_and_to_another() -> None:
    assert {"<commit>" in line for line in LINES} == {True, False}


def test_what_the_pages_print_goes_back_where_the_models_are_of_another_machine(
    tmp_path: Path,
) -> None:
    clone = Clone(tmp_path)
    older = clone.commit_as_another_machine("older")
    clone.compute(epochs=7)
    newest = clone.commit_as_another_machine("newest")
    for line in sorted(LINES, key=lambda line: "<commit>" not in line):
        clone.run("bash", "-e", "-c", line.replace("<commit>", older))
        commit, epochs = (older, 5) if "<commit>" in line else (newest, 7)
        assert (clone.run("git", "rev-parse", "HEAD"), clone.epochs()) == (commit, epochs)
        clone.run("git", "checkout", "-q", "-f", "main")  # the data are those of `commit` still
    advice = clone.make_repro()
    assert advice.startswith(
        "dvc.lock and metrics/ now describe your run; to keep them: git commit"
    )
    clone.run("bash", "-e", "-c", advice.partition("to keep them: ")[2])
    assert "describe your run" not in clone.make_repro()
