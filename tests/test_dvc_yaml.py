"""dvc.yaml tells the truth: everything that a stage imports lies in its deps."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from imports import FINDS, ROOT, closure, relative

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
    found = closure(stage_file(STAGES[name]))
    entries: set[str] = set()
    for finder, paths in FINDS.items():
        if ROOT / finder in found:
            chosen = CHOSEN.get(name, {}).get(finder)
            if chosen:
                entries.add(chosen)
            for path in paths:
                found |= closure(path) - ({path} if chosen else set())
    return relative(found) | entries


def code_deps(name: str) -> list[str]:
    return [dep for dep in STAGES[name]["deps"] if dep.startswith(("pipeline", "models"))]


def covers(dep: str, path: str) -> bool:
    return path == dep or path.startswith(f"{dep}/")


@pytest.mark.parametrize("name", STAGES)
def test_everything_that_a_stage_imports_lies_in_its_deps(name: str) -> None:
    missing = {p for p in needed(name) if not any(covers(dep, p) for dep in code_deps(name))}
    assert not missing


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_nothing_that_it_does_not_import(name: str) -> None:
    idle = [dep for dep in code_deps(name) if not any(covers(dep, p) for p in needed(name))]
    assert not idle


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_there(name: str) -> None:
    for dep in code_deps(name):
        if "${" not in dep:
            assert (ROOT / dep).exists(), dep


def test_the_walk_sees_imports_through_others_and_what_is_found_by_name() -> None:
    train = needed("train")
    assert {"models/${model}.py", "pipeline/features/mel.py", "pipeline/store/shard.py"} <= train
    assert "pipeline/audio/decode.py" not in train
    assert "pipeline/features/mel.py" not in needed("extract")
    assert "models/ann.py" in needed("check")


def test_deps_are_short() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert (
        sum(block.count("\n") for block in re.findall(r"    deps: \[.*?\n    \]", text, re.S))
        <= 100
    )
    assert sum(len(stage["deps"]) for stage in STAGES.values()) <= 120


def test_only_training_and_testing_stages_reach_keras() -> None:
    startup = ROOT / "pipeline/base/backend.py"
    with_keras = {name for name in STAGES if startup in closure(stage_file(STAGES[name]))}
    assert with_keras == {"train", "evaluate", "predict"}
