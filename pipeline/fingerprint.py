"""What determines a computed result, besides the bytes that go in: as a hash."""

import ast
import hashlib
import importlib.util
import platform
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

FIRST_PARTY = ("pipeline", "models")


def digest(*parts: str) -> str:
    """SHA-256 of several texts, as hex; ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def fingerprint(recipe: Any) -> str:
    """Hash of all that a recipe's results follow from, given its input.

    Parameters
    ----------
    recipe : frozen dataclass instance
        Its repr names its class and every parameter.

    Returns
    -------
    str
        SHA-256, as hex, of the repr and of `code_fingerprint` of the recipe's module.
    """
    return digest(repr(recipe), code_fingerprint(type(recipe).__module__))


@lru_cache(maxsize=64)
def code_fingerprint(module: str) -> str:
    """Hash of the source of a module and of every module of this project that it imports.

    The versions of the libraries that these import, and Python's own, are part of it. Nothing
    here has to be raised by hand when code changes, so nothing can be forgotten.
    """
    sources = _sources(module)
    imported = {name.split(".")[0] for source in sources.values() for name in _imports(source)}
    libraries = imported - set(sys.stdlib_module_names) - set(FIRST_PARTY)
    return digest(
        platform.python_version(),
        *(f"{name} {hashlib.sha256(source).hexdigest()}" for name, source in sources.items()),
        *(f"{name} {version_of(name)}" for name in sorted(libraries)),
    )


def _sources(module: str) -> dict[str, bytes]:
    """Source of `module` and of all of this project that it imports, sorted by name."""
    found: dict[str, bytes] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        path = _path(name)
        if path is None or name in found:
            continue
        found[name] = path.read_bytes()
        pending += [used for used in _imports(found[name]) if used.split(".")[0] in FIRST_PARTY]
    return dict(sorted(found.items()))


def _imports(source: bytes) -> Iterator[str]:
    """Every name that could be a module, also inside functions: of `from a import b`, a and a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path(module: str) -> Path | None:
    """File of a module; None where the name is no module, but something in one."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def version_of(package: str) -> str:
    """Version of the library that is imported as `package`."""
    try:
        return version(package)
    except PackageNotFoundError:
        names = packages_distributions().get(package, [])
        return " ".join(f"{name} {version(name)}" for name in names)
