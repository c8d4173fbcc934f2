"""The size of the machine's cache: what is in it, and what goes when it grows too large.

Deleting costs a later computation, never a result: stores that link to a shard keep it, and what
a running stage may still need stays for a day.
"""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import PipelineError
from pipeline.store.cache import delete

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# What is deleted as one, from the cache's root.
ENTRIES = ("tracks/*/*", "shards/*/*/*", "folds/*", "sounds/*", "checkpoints/*", "tmp/*")
# What a running stage may still need: what it writes, and the checkpoint of an epoch that is slow.
IN_WORK, WORK_SECONDS = ("checkpoints", "tmp"), 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """A file or folder of the cache that is deleted as one.

    Attributes
    ----------
    path : Path
    size : int
        In bytes.
    used : float
        When it was used last, in seconds since 1970.
    """

    path: Path
    size: int
    used: float

    @property
    def kind(self) -> str:
        """Name of the folder that it lies in."""
        return self.path.parent.name


def entries(root: Path) -> Iterator[Entry]:
    """Everything in the cache `root`."""
    for path in (path for pattern in ENTRIES for path in root.glob(pattern)):
        with suppress(FileNotFoundError):  # a stage may be at work
            files = list(path.rglob("*")) if path.is_dir() else [path]
            yield Entry(path, sum(file.stat().st_size for file in files), path.stat().st_mtime)


def prune(root: Path, limit: int) -> tuple[int, int]:
    """Delete what was used longest ago until at most `limit` bytes are left.

    What nobody finished writing goes in any case; it and checkpoints stay for WORK_SECONDS.

    Returns
    -------
    deleted, left : int
        In bytes.
    """
    by_age = sorted(entries(root), key=lambda entry: entry.used)
    left = total = sum(entry.size for entry in by_age)
    now = time.time()
    for entry in by_age:
        if entry.kind in IN_WORK and now - entry.used < WORK_SECONDS:
            continue
        if left > limit or entry.kind == "tmp":
            delete(entry.path)
            left -= entry.size
    return total - left, left


def parse_size(name: str, text: str) -> int:
    """Bytes of a text such as 500M or 1.5G (powers of ten).

    Parameters
    ----------
    name : str
        What has this value, for the error.
    text : str

    Raises
    ------
    PipelineError
        It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)B?", text.strip().upper())
    if not match:
        raise PipelineError(f"{name} = {text!r}: should be a size such as 500M or 20G")
    return int(float(match[1]) * UNITS[match[2]])


def format_size(size: int) -> str:
    """A size to be read, such as 1.23 GB."""
    unit = max((name for name in UNITS if UNITS[name] <= max(size, 1)), key=UNITS.__getitem__)
    value = size / UNITS[unit]
    return f"{value:.0f} {unit}B" if value >= 100 else f"{value:.3g} {unit}B"
