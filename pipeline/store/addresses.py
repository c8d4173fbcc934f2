"""Content addresses: a hash of everything that determines a result, besides its input.

The code counts as its syntax tree, without docstrings and without the wording of errors and of
progress: comments, layout and messages change no address, and everything else does.
"""

import ast
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

from pipeline.base.errors import PipelineError
from pipeline.base.files import digest, version_of

ROOT = Path(__file__).parents[2]
FIRST_PARTY = ("pipeline", "models")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SPEAKING = ("print", "sys.exit")
# What can have an effect where a text is put together.
ACTIVE = (ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


class HasSources(Protocol):
    """A frozen dataclass whose results follow from its fields and from the code in `sources`."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Files and packages whose code decides a result, as `code_address` takes them."""


def recipe_address(recipe: HasSources) -> str:
    """Address of a recipe: what its results follow from, given their input.

    Parameters
    ----------
    recipe : frozen dataclass instance
        Its repr names its class and every parameter, and its `sources` are the code that decides
        a result.

    Returns
    -------
    str
        SHA-256, in hex.
    """
    return digest(repr(recipe), code_address(*recipe.sources))


@cache
def code_address(*sources: str) -> str:
    """Hash of the code in `sources`, and of the versions of Python and of the libraries it imports.

    Parameters
    ----------
    *sources : str
        Files and packages, named from the project's root as in dvc.yaml. `pipeline/base` decides
        no result and is not named; tests/store/test_addresses.py holds that nothing else is
        missing.

    Raises
    ------
    PipelineError
        A file was edited since this process started, so that it is not what runs.
    """
    modules = {name: _module(_source(ROOT / name)) for name in files_of(*sources)}
    libraries = set[str]().union(*(imported for _, imported in modules.values()))
    return digest(
        platform.python_version(),
        *(f"{name} {code}" for name, (code, _) in modules.items()),
        *(f"{name} {version_of(name)}" for name in sorted(libraries)),
    )


def files_of(*sources: str) -> list[str]:
    """The modules in files and packages that are named from the project's root, sorted."""
    paths = set[Path]()
    for source in sources:
        path = ROOT / source
        paths |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


@cache
def _module(source: bytes) -> tuple[str, frozenset[str]]:
    """The parts of a module's source that count, and the libraries that it imports."""
    tree = ast.parse(source)
    imported = {name.partition(".")[0] for name in _imports(tree)}
    libraries = imported - sys.stdlib_module_names - set(FIRST_PARTY)
    return digest(ast.dump(_without_wording(tree))), frozenset(libraries)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Names of the modules that are imported, also in functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _snapshot() -> dict[Path, bytes]:
    return {path: path.read_bytes() for part in FIRST_PARTY for path in (ROOT / part).rglob("*.py")}


# The project as it was when this process started. That is what runs, whatever is edited later.
_STARTED_WITH = _snapshot()


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
            words = [*node.args, *node.keywords]
            node.args, node.keywords = [each for part in words for each in _active(part)], []
    return tree


def _active(node: ast.AST) -> list[ast.expr]:
    return [each for each in ast.walk(node) if isinstance(each, ACTIVE)]
