"""dvc.yaml tells the truth: a stage depends on all that it imports, and on nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from imports import FINDS, closure, relative
from project import ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = DOCUMENT["stages"]
# What a stage finds by name, where it is not all that could be found.
CHOSEN = {
    "extract": {
        "pipeline/features/shared/feature.py": "pipeline/features/${item.feature}.py",
    },
    "train": {"pipeline/training/network.py": "models/${model}.py"},
}


def stage_file(stage: dict[str, Any]) -> Path:
    """File of the module that a stage's command runs."""
    words = stage["cmd"].split()
    assert words[:2] == ["python", "-m"]
    return ROOT.joinpath(*words[2].split(".")).with_suffix(".py")


def needed(name: str) -> set[str]:
    """Files that a stage imports, also by name; a chosen entry stands for all of its package."""
    files = closure(stage_file(STAGES[name]))
    entries: set[str] = set()
    for finder, paths in FINDS.items():
        if ROOT / finder in files:
            chosen = CHOSEN.get(name, {}).get(finder)
            if chosen:
                entries.add(chosen)
            for path in paths:
                files |= closure(path) - ({path} if chosen else set())
    return relative(files) | entries


def covers(dep: str, path: str) -> bool:
    return path == dep or path.startswith(f"{dep}/")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_what_it_imports(name: str) -> None:
    deps = [dep for dep in STAGES[name]["deps"] if dep.startswith(("pipeline", "models"))]
    files = needed(name)
    assert {file for file in files if not any(covers(dep, file) for dep in deps)} == set()
    assert {dep for dep in deps if not any(covers(dep, file) for file in files)} == set()
