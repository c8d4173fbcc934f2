"""The structure of the project: packages in an order, registries that are file names, no circle."""

import ast
import tomllib
from pathlib import Path

import pytest
import yaml
from imports import PACKAGES, closure, imports, relative
from project import ROOT

from pipeline.__main__ import STAGES

# Each package imports those above it only.
ORDER = [
    "base",
    "store",
    "audio",
    "dataset",
    "synthesis",
    "features",
    "recordings",
    "folds",
    "augmentation",
    "training",
    "models",
    "evaluation",
    "prediction",
    "runs",
    "trials",
    "pages",
]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TOP = [path for path in MODULES if path.parent == ROOT / "pipeline"]


def package_of(path: Path) -> str | None:
    """The package that a file lies in; None at the top of pipeline/."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "models":
        return "models"
    return parts[1] if len(parts) > 2 else None


def test_every_folder_is_a_package_of_the_order() -> None:
    packages = {package for package in map(package_of, MODULES) if package}
    assert packages == set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_those_above_it_only(package: str) -> None:
    allowed = ORDER[: ORDER.index(package) + 1]
    for path in MODULES:
        if package_of(path) == package:
            wrong = {each for each in imports(path) if package_of(each) not in allowed}
            assert not wrong, f"{path.relative_to(ROOT)} imports {relative(wrong)}"


def test_no_module_imports_one_that_imports_it() -> None:
    for path in MODULES:
        circle = {each for each in imports(path) if path in closure(each)}
        assert not circle, f"{path.relative_to(ROOT)} and {relative(circle)}"


def test_stages_and_commands_import_packages_and_never_each_other() -> None:
    for path in TOP:
        wrong = {each for each in imports(path) if package_of(each) is None}
        assert not wrong, f"{path.name} imports {relative(wrong)}"


def test_evaluation_takes_probabilities_and_loads_no_model() -> None:
    for path in (ROOT / "pipeline/evaluation").glob("*.py"):
        wrong = {each for each in closure(path) if package_of(each) in ("training", "models")}
        assert not wrong, f"{path.name} imports {relative(wrong)}"


def test_stages_are_those_of_dvc_yaml_in_its_order() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert list(STAGES) == list(stages)
    assert set(STAGES) <= {path.stem for path in TOP}


def test_a_name_is_borne_by_one_module() -> None:
    """But a command may be called as the module that it uses, such as `protocols`."""
    below = [path for path in MODULES if path not in TOP and path.name != "__init__.py"]
    for path in below:
        assert not {each for each in below if each.stem == path.stem} - {path}, path
        assert path.stem not in STAGES, path


def test_a_package_has_a_docstring_and_no_import() -> None:
    """`pipeline/__init__.py` alone does something: it looks for the installed libraries."""
    for path in MODULES:
        if path.name == "__init__.py" and path.parent != ROOT / "pipeline":
            [statement] = ast.parse(path.read_text(encoding="utf-8")).body
            assert isinstance(statement, ast.Expr), path
    folders = {path.parent for path in MODULES}
    assert folders == {path.parent for path in MODULES if path.name == "__init__.py"}


def test_what_needs_no_network_never_waits_for_keras() -> None:
    """One module loads it as it is imported, and only what trains or tests imports that one."""
    backend = ROOT / "pipeline/base/backend.py"
    for path in MODULES:
        names: list[str] = []
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
        loads = {name.partition(".")[0] for name in names} & {"keras", "tensorflow"}
        assert not loads or path == backend, path
    stages = {path.stem for path in TOP if path.stem in STAGES and backend in closure(path)}
    assert stages == {"train", "evaluate", "predict"}


def test_an_installation_takes_the_names_of_no_other_packages() -> None:
    """Modules that `pip install .` copied would be `pipeline` and `models` to everybody."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tool["setuptools"] == {"packages": []}
