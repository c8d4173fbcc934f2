"""dvc.yaml tells the truth: every module that a stage imports is in its deps, and no other."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PACKAGES = ("pipeline", "models")


@cache
def imports(path: Path) -> frozenset[Path]:
    """First-party files that a module imports itself; a package's `__init__` comes along."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(_files(node.module))
            for alias in node.names:
                found.update(_files(f"{node.module}.{alias.name}"))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found.update(_files(alias.name))
    return frozenset(found)


def _files(module: str) -> Iterator[Path]:
    parts = module.split(".")
    if parts[0] in PACKAGES:
        for length in range(1, len(parts) + 1):
            base = ROOT.joinpath(*parts[:length])
            yield from (p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file())


def closure(path: Path) -> set[Path]:
    """`path` and everything that it imports, directly or through others."""
    found, new = set[Path](), {path}
    while new:
        found |= new
        new = {imported for module in new for imported in imports(module)} - found
    return found


def has_code(path: Path) -> bool:
    """Whether a module holds more than its docstring."""
    return len(ast.parse(path.read_text()).body) > 1


def stage_module(stage: dict[str, Any]) -> Path:
    """File of the module that a stage's command runs."""
    words = stage["cmd"].split()
    assert words[:2] == ["python", "-m"]
    return ROOT.joinpath(*words[2].split(".")).with_suffix(".py")


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_modules_that_the_stage_imports(name: str) -> None:
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in closure(stage_module(STAGES[name]))
        if has_code(path)
    }
    declared = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    assert declared == needed


def test_a_stage_that_reads_gtzans_facts_depends_on_their_table() -> None:
    for stage in STAGES.values():
        reads = "pipeline/gtzan.py" in stage["deps"]
        assert ("pipeline/gtzan.csv" in stage["deps"]) == reads
    assert "pipeline/gtzan.csv" in STAGES["split"]["deps"]


def test_the_walk_sees_imports_through_others() -> None:
    train = {path.relative_to(ROOT).as_posix() for path in closure(ROOT / "pipeline/train.py")}
    assert {"models/cnn.py", "models/fit.py", "pipeline/params.py"} <= train
    assert "pipeline/audio.py" not in train


def test_stages_import_no_other_stage() -> None:
    stages = {stage_module(stage) for stage in STAGES.values()}
    for stage in stages:
        assert not (imports(stage) & stages), f"{stage.name} imports another stage"


def test_only_training_and_judging_stages_reach_keras() -> None:
    with_keras = {
        name
        for name, stage in STAGES.items()
        if any(path.parent.name == "models" for path in closure(stage_module(stage)))
    }
    assert with_keras == {"train", "evaluate", "predict"}


def test_every_stage_reads_only_the_parameters_that_it_declares() -> None:
    declared = {
        name: {param.split(".")[0] for param in stage.get("params", [])}
        for name, stage in STAGES.items()
    }
    for name, stage in STAGES.items():
        if name == "check":  # depends on the whole file
            continue
        assert read_params(stage_module(stage)) <= declared[name], name


def read_params(path: Path) -> set[str]:
    """Attributes of a variable called `params` that are sections of params.yaml."""
    sections = set(yaml.safe_load((ROOT / "params.yaml").read_text())) | {"fit"}
    tree = ast.parse(path.read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "params"
    }
    return {"models" if name == "fit" else name for name in used & sections}
