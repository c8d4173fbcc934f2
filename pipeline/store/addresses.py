"""Content addresses: a hash of everything that determines a result, besides its input.

The code counts as its syntax tree, without docstrings and without the wording of errors and of
progress: comments, layout and messages change no address, and everything else does.
"""

import ast
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.base.digests import digest, version_of
from pipeline.base.errors import PipelineError

ROOT = Path(__file__).parents[2]
FIRST_PARTY = ("pipeline", "models")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SPEAKING = ("print", "sys.exit")
# What can have an effect where a text is put together.
ACTIVE = (ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


def recipe_address(recipe: Any) -> str:
    """Address of a recipe: what its results follow from, given their input.

    Parameters
    ----------
    recipe : frozen dataclass instance
        Its repr names its class and every parameter.

    Returns
    -------
    str
        SHA-256, in hex, of the repr, and of the code of the recipe's own module and of the modules
        of all dataclasses in its fields.
    """
    return digest(repr(recipe), code_address(*sorted(modules_of(recipe))))


def modules_of(value: Any) -> set[str]:
    """Names of the modules of a dataclass instance and of those in its fields."""
    if isinstance(value, list | tuple):
        return set().union(*map(modules_of, value))
    if not is_dataclass(value) or isinstance(value, type):
        return set()
    inside = (modules_of(getattr(value, field.name)) for field in fields(value))
    return {type(value).__module__}.union(*inside)


@cache
def code_address(*modules: str) -> str:
    """Hash of the code of `modules` and of every module of this project that they import.

    The versions of Python and of the libraries that these import are part of it. A module that is
    found by its name at run time, such as a network, is not seen: name it.

    Raises
    ------
    PipelineError
        A module was edited since this process started, so that its file is not what runs.
    """
    trees = source_trees(*modules)
    return digest(
        platform.python_version(),
        *(f"{name} {ast.dump(_without_wording(tree))}" for name, tree in trees.items()),
        *(f"{name} {version_of(name)}" for name in libraries_of(trees.values())),
    )


def source_trees(*modules: str) -> dict[str, ast.Module]:
    """Syntax trees of `modules` and of all of this project that they import, sorted by name."""
    found: dict[str, ast.Module] = {}
    pending = list(modules)
    while pending:
        name = pending.pop()
        path = None if name in found else _path(name)
        if path:
            found[name] = ast.parse(_source(path))
            pending += _imports(found[name])
    return dict(sorted(found.items()))


def libraries_of(trees: Iterable[ast.Module]) -> list[str]:
    """Names of the libraries that modules import, except for Python's own, sorted."""
    imported = {name.partition(".")[0] for tree in trees for name in _imports(tree)}
    return sorted(imported - sys.stdlib_module_names - set(FIRST_PARTY))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Every name that could be a module: a and a.b for `from a import b`, also in functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _snapshot() -> dict[Path, bytes]:
    return {path: path.read_bytes() for part in FIRST_PARTY for path in (ROOT / part).rglob("*.py")}


# The project as it was when this process started. That is what runs, whatever is edited later.
_STARTED_WITH = _snapshot()


def _path(module: str) -> Path | None:
    """File of a module of this project; None for any other name, such as a class in a module."""
    place = ROOT.joinpath(*module.split("."))
    files = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file for file in files if file in _STARTED_WITH or file.is_file()), None)


def _source(path: Path) -> bytes:
    source = path.read_bytes()
    if _STARTED_WITH.setdefault(path, source) != source:
        raise PipelineError(f"{path} was edited while this ran; run it again")
    return source


def _without_wording(tree: ast.Module) -> ast.Module:
    """The tree without docstrings, and without what errors, assertions and SPEAKING calls say.

    An exception is an error if its name ends in `Error`; what other exceptions say may become part
    of a result, as the reason for which a file is rejected.
    """
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if ast.unparse(node.exc.func).endswith("Error"):
                node.exc.args, node.exc.keywords = [], []
        elif isinstance(node, ast.Assert):
            node.msg = None
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in SPEAKING:
            said = [*node.args, *node.keywords]
            node.args, node.keywords = [each for part in said for each in _active(part)], []
    return tree


def _active(node: ast.AST) -> list[ast.expr]:
    return [each for each in ast.walk(node) if isinstance(each, ACTIVE)]
