"""What the project's own files import, by their source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from project import ROOT

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
    files: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            files.update(_files(node.module))
            for alias in node.names:
                files.update(_files(f"{node.module}.{alias.name}"))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                files.update(_files(alias.name))
    return frozenset(files)


def closure(path: Path) -> set[Path]:
    """`path` and everything that it imports, directly or through others."""
    reached, new = set[Path](), {path}
    while new:
        reached |= new
        new = {imported for module in new for imported in imports(module)} - reached
    return reached


def relative(paths: set[Path]) -> set[str]:
    """Paths below the project's root, as dvc.yaml has them."""
    return {path.relative_to(ROOT).as_posix() for path in paths}


def _files(module: str) -> Iterator[Path]:
    parts = module.split(".")
    base = ROOT.joinpath(*parts)
    if parts[0] in PACKAGES and base.with_suffix(".py").is_file():
        yield base.with_suffix(".py")
