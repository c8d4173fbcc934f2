"""Command: show the machine's cache, or delete from it what was used longest ago.

`make cache-size` and `make cache-prune`. PIPELINE_CACHE_SIZE, such as 500M or 50G (default:
20G), says how much `prune` leaves. Deleting costs a later computation, never a result: stores
that link to a shard keep it.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.entry import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.store.cache import machine_cache

DEFAULT_SIZE = "20G"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
ABANDONED_SECONDS = 24 * 3600.0  # what is written takes minutes; older, its writer was killed


@dataclass(frozen=True)
class Item:
    """A shard's folder or a track's file: the unit that is deleted."""

    path: Path
    size: int
    used: float


def items(root: Path) -> Iterator[Item]:
    """Everything in the cache `root`; what nobody finished writing counts as used never."""
    for path in [
        *root.glob("tracks/*/*"),
        *root.glob("shards/*/*/*"),
        *root.glob("folds/*"),
        *root.glob("sounds/*"),
        *root.glob("checkpoints/*"),
        *root.glob("tmp/*"),
    ]:
        try:
            files = list(path.rglob("*")) if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files)
            used = path.stat().st_mtime
        except FileNotFoundError:
            continue
        if path.parent.name != "tmp":
            yield Item(path, size, used)
        elif time.time() - used > ABANDONED_SECONDS:
            yield Item(path, size, 0.0)


def prune(root: Path, limit: int) -> tuple[int, int]:
    """Delete what was used longest ago until at most `limit` bytes are left.

    Returns
    -------
    deleted, left : int
        In bytes.
    """
    found = sorted(items(root), key=lambda item: item.used)
    left = total = sum(item.size for item in found)
    for item in found:
        if left <= limit and item.used:
            break
        if item.path.is_dir():
            shutil.rmtree(item.path, ignore_errors=True)
        else:
            item.path.unlink(missing_ok=True)
        left -= item.size
    return total - left, left


def parse_size(text: str) -> int:
    """Bytes of a text such as 500M or 1.5G (powers of ten).

    Raises
    ------
    PipelineError
        It is no size.
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
    run_stage(main)
