"""Hashes of texts and files, and versions of libraries: what content addresses are made of.

Also JSON that carries a digest of itself, by which damage is noticed where it is read.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

SEAL = "sha256"  # key of the digest in sealed JSON


def digest(*parts: str) -> str:
    """SHA-256 of several texts, in hex; those of ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def content_digest(content: bytes) -> str:
    """SHA-256 of a file's content, as hex."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, as hex, with little of it in memory at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(content: Mapping[str, Any]) -> str:
    """Text of a JSON object, with a digest of the rest under the key `SEAL`."""
    return json.dumps({**content, SEAL: digest(json.dumps(content))})


def unsealed(text: str) -> dict[str, Any]:
    """Return the content of a text that `sealed` returned.

    Raises
    ------
    ValueError
        It is not the text that was written.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.pop(SEAL, None) != digest(json.dumps(content)):
        raise ValueError("damaged: not the text that was written")
    return content


def version_of(package: str) -> str:
    """Version of the library that is imported as `package`."""
    try:
        return version(package)
    except PackageNotFoundError:
        names = _distributions().get(package, [])
        return " ".join(f"{name} {version(name)}" for name in names)


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Distributions by the packages that they install: found by reading the metadata of all."""
    return packages_distributions()
