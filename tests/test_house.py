"""The structure of the project: rooms in an order, registries that are file names, no circle."""

import ast
import re
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import pytest
import yaml
from imports import PACKAGES, ROOT, closure, imports, relative

from pipeline.__main__ import STAGES

# Each room imports those above it only.
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


def room_of(path: Path) -> str | None:
    """The room that a file lies in; None at the top of pipeline/."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "models":
        return "models"
    return parts[1] if len(parts) > 2 else None


def test_every_folder_is_a_room_of_the_order() -> None:
    rooms = {room for room in map(room_of, MODULES) if room}
    assert rooms == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_those_above_it_only(room: str) -> None:
    allowed = ORDER[: ORDER.index(room) + 1]
    for path in MODULES:
        if room_of(path) == room:
            wrong = {each for each in imports(path) if room_of(each) not in allowed}
            assert not wrong, f"{path.relative_to(ROOT)} imports {relative(wrong)}"


def test_the_walk_of_imports_would_see_a_circle() -> None:
    """Rooms are in an order, and within a room no module imports one that imports it."""
    done: set[Path] = set()

    def visit(path: Path, above: tuple[Path, ...]) -> None:
        assert path not in above, " -> ".join(relative({*above}))
        if path not in done:
            for each in imports(path):
                visit(each, (*above, path))
            done.add(path)

    for path in MODULES:
        visit(path, ())
    assert len(done) == len(MODULES)


def test_stages_and_commands_import_rooms_and_never_each_other() -> None:
    for path in TOP:
        wrong = {each for each in imports(path) if room_of(each) is None}
        assert not wrong, f"{path.name} imports {relative(wrong)}"


def test_stages_are_those_of_dvc_yaml_in_its_order() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert list(STAGES) == list(stages)
    assert set(STAGES) <= {path.stem for path in TOP}


def test_a_package_has_a_docstring_and_no_import() -> None:
    for path in MODULES:
        if path.name == "__init__.py" and path.parent != ROOT / "pipeline":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert len(body) == 1, path
            assert isinstance(body[0], ast.Expr), path
    folders = {path.parent for path in MODULES}
    assert folders == {path.parent for path in MODULES if path.name == "__init__.py"}


def test_keras_is_imported_by_training_alone() -> None:
    """Networks import it within their functions, and everything else through training."""
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [
            name
            for node in tree.body
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        ]
        if any(name.split(".")[0] in ("keras", "tensorflow") for name in names):
            assert path == ROOT / "pipeline/base/backend.py"


def test_evaluation_takes_probabilities_and_loads_no_model() -> None:
    for path in (ROOT / "pipeline/evaluation").glob("*.py"):
        wrong = {each for each in closure(path) if room_of(each) in ("training", "models")}
        assert not wrong, f"{path.name} imports {relative(wrong)}"


def test_checking_the_parameters_loads_no_keras() -> None:
    code = "import sys, pipeline.check as c; c.check; print('keras' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_data_files_are_packaged() -> None:
    import tomllib

    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packaged = {
        path
        for package, patterns in tool["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    files = {
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert files == packaged
    assert ROOT / "pipeline/dataset/gtzan.csv" in files


def test_the_picture_in_the_readme_is_that_of_dvc_yaml() -> None:
    picture = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    drawn = {
        pair
        for line in picture.splitlines()
        for left, right in pairwise(line.split("-->"))
        for pair in product(*([name.strip() for name in end.split("&")] for end in (left, right)))
    }
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    makers = {
        next(iter(out)) if isinstance(out, dict) else out: name
        for name, stage in stages.items()
        for part in ("outs", "metrics", "plots")
        for out in stage.get(part, [])
    }
    makers |= {"${dataset.path}": "demo", "data/features/${feature}": "extract"}
    wanted = {
        (maker, name)
        for name, stage in stages.items()
        for dep in stage["deps"]
        for out, maker in makers.items()
        if out == dep or out.startswith(f"{dep}/")
    }
    assert drawn == wanted


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
