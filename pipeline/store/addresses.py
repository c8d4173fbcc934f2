"""Content addresses: a hash of everything that determines a result, besides its input.

The code counts as its syntax tree, without docstrings and without the wording of errors and of
progress: comments, layout and messages change no address, and everything else does.
"""

import ast
import importlib.util
import platform
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.base.digests import digest, version_of
from pipeline.base.errors import PipelineError

ROOT = Path(__file__).parents[2]
FIRST_PARTY = ("pipeline", "models")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def recipe_address(recipe: Any) -> str:
    """Address of a recipe: what its results follow from, given their input.

    Parameters
    ----------
    recipe : frozen dataclass instance
        Its repr names its class and every parameter.

    Returns
    -------
    str
        SHA-256, as hex, of the repr and of the code of the recipe's own module and of the modules
        of all dataclasses in its fields.
    """
    return digest(repr(recipe), code_address(*sorted(modules_of(recipe))))


def modules_of(value: Any) -> set[str]:
    """Names of the modules of a dataclass instance and of all that are in its fields."""
    if isinstance(value, list | tuple):
        return set().union(*map(modules_of, value))
    if not is_dataclass(value) or isinstance(value, type):
        return set()
    inside = (modules_of(getattr(value, field.name)) for field in fields(value))
    return {type(value).__module__}.union(*inside)


@lru_cache(maxsize=256)
def code_address(*modules: str) -> str:
    """Hash of the code of `modules` and of every module of this project that they import.

    The versions of the libraries that these import, and Python's own, are part of it. Nothing
    here has to be raised by hand when code changes, so nothing can be forgotten. A module that is
    found by its name at run time, such as a network, is not seen: name it.

    Raises
    ------
    PipelineError
        A module was edited since this process started, so what runs is not what lies there.
    """
    trees = source_trees(*modules)
    imported = {name.split(".")[0] for tree in trees.values() for name in _imports(tree)}
    libraries = imported - set(sys.stdlib_module_names) - set(FIRST_PARTY)
    return digest(
        platform.python_version(),
        *(f"{name} {ast.dump(_without_wording(tree))}" for name, tree in trees.items()),
        *(f"{name} {version_of(name)}" for name in sorted(libraries)),
    )


def source_trees(*modules: str) -> dict[str, ast.Module]:
    """Syntax trees of `modules` and of all of this project that they import, sorted by name."""
    found: dict[str, ast.Module] = {}
    pending = list(modules)
    while pending:
        name = pending.pop()
        path = None if name in found else _path(name)
        if path is not None:
            found[name] = ast.parse(_source(path))
            pending += [used for used in _imports(found[name]) if used.split(".")[0] in FIRST_PARTY]
    return dict(sorted(found.items()))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Every name that could be a module, also inside functions: of `from a import b`, a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path(module: str) -> Path | None:
    """File of a module; None where the name is no module, but something in one."""
    try:
        spec = importlib.util.find_spec(module)
    except (ModuleNotFoundError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _snapshot(root: Path) -> dict[Path, bytes]:
    files = (path for package in FIRST_PARTY for path in (root / package).rglob("*.py"))
    return {path: path.read_bytes() for path in files}


# As the files were when this process started: what it runs, however they are edited meanwhile.
_STARTED_WITH = _snapshot(ROOT)


def _source(path: Path) -> bytes:
    source = path.read_bytes()
    if _STARTED_WITH.setdefault(path, source) != source:
        raise PipelineError(f"{path} was edited while this ran; run it again")
    return source


def _without_wording(tree: ast.Module) -> ast.Module:
    """The tree without docstrings, and without what errors, assertions and `print` say.

    An exception is an error if its name ends in `Error`; what other exceptions say may become part
    of a result, as the reason for which a file is rejected.
    """
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if _name(node.exc.func).endswith("Error"):
                node.exc.args, node.exc.keywords = [], []
        elif isinstance(node, ast.Assert):
            node.msg = None
        elif isinstance(node, ast.Call) and _name(node.func) == "print":
            node.args, node.keywords = [], []
    return tree


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
