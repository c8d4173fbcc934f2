"""Command: show the machine's cache, or delete from it what was used longest ago.

`make cache-size` and `make cache-prune` run it. PIPELINE_CACHE_SIZE, such as 500M or 50G (default:
20G), says how much `prune` leaves. Deleting costs a later computation, never a result: stores
that link to a shard keep it, and the checkpoints of the last day stay for trainings that run.
"""

import os

from pipeline.base.cli import command_line, run_stage
from pipeline.store.cache import machine_cache
from pipeline.store.pruning import entries, format_size, parse_size, prune

LIMIT, DEFAULT = "PIPELINE_CACHE_SIZE", "20G"


def main() -> None:
    """Show or prune the cache that the environment names."""
    parser = command_line(__doc__)
    parser.add_argument("action", choices=["size", "prune"])
    action = parser.parse_args().action
    root = machine_cache().root
    limit = parse_size(LIMIT, os.environ.get(LIMIT) or DEFAULT)
    if action == "prune":
        deleted, left = prune(root, limit)
        done = f"{format_size(deleted)} deleted, {format_size(left)} left"
    else:
        sizes = [entry.size for entry in entries(root)]
        done = f"{format_size(sum(sizes))} in {len(sizes)} entries"
    print(f"{root}: {done}; the limit is {format_size(limit)}")


if __name__ == "__main__":
    run_stage(main, kept="")
