"""The project's own files: what they import, by their source, and copies of them."""

import ast
import shutil
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("pipeline", "models")
# Modules that find others by name, and what they find.
FINDS = {
    "pipeline/features/shared/feature.py": sorted((ROOT / "pipeline/features").glob("[!_]*.py")),
    "pipeline/augmentation/kind.py": [
        ROOT / "pipeline/augmentation" / f"{medium}.py"
        for medium in ("sounds", "pictures", "decibels")
    ],
    "pipeline/training/network.py": sorted((ROOT / "models").glob("[!_]*.py")),
}


@cache
def imports(path: Path) -> frozenset[Path]:
    """First-party files that a module imports itself."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(_files(node.module))
            for alias in node.names:
                found.update(_files(f"{node.module}.{alias.name}"))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found.update(_files(alias.name))
    return frozenset(found)


def closure(path: Path) -> set[Path]:
    """`path` and everything that it imports, directly or through others."""
    found, new = set[Path](), {path}
    while new:
        found |= new
        new = {imported for module in new for imported in imports(module)} - found
    return found


def relative(paths: set[Path]) -> set[str]:
    """Paths below the project's root, as dvc.yaml has them."""
    return {path.relative_to(ROOT).as_posix() for path in paths}


def _files(module: str) -> Iterator[Path]:
    parts = module.split(".")
    base = ROOT.joinpath(*parts)
    if parts[0] in PACKAGES and base.with_suffix(".py").is_file():
        yield base.with_suffix(".py")


def copy_parts(parts: Iterable[str], folder: Path) -> None:
    """Copy files and folders of the project, named from its root, into another folder."""
    for part in parts:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
