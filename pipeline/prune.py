"""Command: show the machine's cache, or delete from it what was used longest ago.

`make cache-size` and `make cache-prune` run it. PIPELINE_CACHE_SIZE, such as 500M or 50G (default:
20G), says how much `prune` leaves. Deleting costs a later computation, never a result: stores
that link to a shard keep it, and the checkpoints of the last day stay for trainings that run.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.store.cache import machine_cache

DEFAULT_SIZE = "20G"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
ENTRIES = ("tracks/*/*", "shards/*/*/*", "folds/*", "sounds/*", "checkpoints/*", "tmp/*")
# What a running stage may still need: what it writes, and the checkpoint of an epoch that is slow.
IN_WORK, WORK_SECONDS = ("checkpoints", "tmp"), 24 * 3600.0


@dataclass(frozen=True)
class Item:
    """A file or folder of the cache, the unit that is deleted; `used` is when, in seconds."""

    path: Path
    size: int
    used: float

    @property
    def kind(self) -> str:
        """Name of the folder that it lies in."""
        return self.path.parent.name


def items(root: Path) -> Iterator[Item]:
    """Everything in the cache `root`."""
    for path in (path for entry in ENTRIES for path in root.glob(entry)):
        with suppress(FileNotFoundError):  # a stage may be at work
            files = list(path.rglob("*")) if path.is_dir() else [path]
            yield Item(path, sum(file.stat().st_size for file in files), path.stat().st_mtime)


def prune(root: Path, limit: int) -> tuple[int, int]:
    """Delete what was used longest ago until at most `limit` bytes are left.

    What nobody finished writing goes in any case; it and checkpoints stay for WORK_SECONDS.

    Returns
    -------
    deleted, left : int
        In bytes.
    """
    found = sorted(items(root), key=lambda item: item.used)
    left = total = sum(item.size for item in found)
    now = time.time()
    for item in found:
        if item.kind in IN_WORK and now - item.used < WORK_SECONDS:
            continue
        if left > limit or item.kind == "tmp":
            _delete(item.path)
            left -= item.size
    return total - left, left


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def parse_size(text: str) -> int:
    """Bytes of a text such as 500M or 1.5G (powers of ten).

    Raises
    ------
    PipelineError
        It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)B?", text.strip().upper())
    if not match:
        raise PipelineError(f"PIPELINE_CACHE_SIZE = {text!r}: should be a size such as 500M or 20G")
    return int(float(match[1]) * UNITS[match[2]])


def show(size: int) -> str:
    """A size to be read: 1.23 GB."""
    unit = max((name for name in UNITS if UNITS[name] <= max(size, 1)), key=UNITS.__getitem__)
    value = size / UNITS[unit]
    return f"{value:.0f} {unit}B" if value >= 100 else f"{value:.3g} {unit}B"


def main() -> None:
    """Show or prune the cache that the environment names."""
    parser = command_line(__doc__)
    parser.add_argument("action", choices=["size", "prune"])
    action = parser.parse_args().action
    root = machine_cache().root
    limit = parse_size(os.environ.get("PIPELINE_CACHE_SIZE") or DEFAULT_SIZE)
    if action == "prune":
        deleted, left = prune(root, limit)
        print(f"{root}: {show(deleted)} deleted, {show(left)} left; the limit is {show(limit)}")
    else:
        found = list(items(root))
        total = sum(item.size for item in found)
        print(f"{root}: {show(total)} in {len(found)} entries; the limit is {show(limit)}")


if __name__ == "__main__":
    run_stage(main, kept="")
