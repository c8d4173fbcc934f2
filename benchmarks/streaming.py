"""Training from a store that does not fit in memory, beside the same with memory to spare.

A fold of the `ann`, the network that asks for clips fastest, trains an epoch on noise in `mel`'s
shape: 400 000 clips, 3.3 GB. Each run is a process of its own; the second joins the control group
whose folder is given, which limits its memory, the system's page cache included. To make one of a
quarter of the data, as root, with version 1 of Linux' control groups and with version 2:

    mkdir /sys/fs/cgroup/memory/quarter
    echo 832000000 > /sys/fs/cgroup/memory/quarter/memory.limit_in_bytes

    mkdir /sys/fs/cgroup/quarter
    echo 832000000 > /sys/fs/cgroup/quarter/memory.max

`python benchmarks/streaming.py /sys/fs/cgroup/memory/quarter` takes minutes, and 3.3 GB of disk.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.base.parallel import ONE_THREAD
from pipeline.base.params import read_section
from pipeline.store.store import StoredRows, write_store
from pipeline.training.network import params_class

TRACKS, CLIPS, SHAPE, GENRES = 40_000, 10, (64, 65, 1), 10


def write_noise(folder: Path, tracks: int) -> None:
    """A store of noise; many tracks share the same, so that it is quickly made."""
    rng = np.random.default_rng(0)
    few = [rng.normal(size=(CLIPS, *SHAPE)).astype(np.float16) for _ in range(100)]
    rows = {f"genre/{number:06d}": few[number % 100] for number in range(tracks)}
    write_store(folder, {"name": "noise", "unit": "", "sample_rate": 1, "seconds": 1}, rows)


def noise_task(
    store: Path, tracks: int, model: str, validation: int, fold: int = 0, epochs: int = 1
) -> Any:
    """A fold that trains on all clips of a store of noise but `validation`."""
    from pipeline.base.backend import resolve
    from pipeline.training.fit import FoldTask
    from pipeline.training.trained import Description

    rows = StoredRows(store, np.arange(tracks * CLIPS))
    labels = np.arange(len(rows)) // CLIPS % GENRES
    parts = np.arange(validation, len(rows)), np.arange(validation)
    genres = [str(number) for number in range(GENRES)]
    params = replace(read_section(params_class(model), f"models.{model}"), epochs=epochs)
    precision = resolve("auto", needs_float32=params.needs_float32)
    training = {"seed": fold, "precision": precision}
    description = Description(model, "mel", genres, fold, {}, training)
    return FoldTask(rows, labels, *parts, params, description)


def train(store: Path) -> None:
    """Print clips a second of one epoch over the whole store."""
    from pipeline.training.checkpoint import Checkpoint
    from pipeline.training.fit import fit_fold

    task = noise_task(store, TRACKS, "ann", validation=100)
    start = time.perf_counter()
    fit_fold(task, Checkpoint(store / "checkpoint.npz"))
    seconds = time.perf_counter() - start
    print(f"{len(task.train) / seconds:.0f} clips/s, with the statistics before the epoch")


def forget_pages(store: Path) -> None:
    """Have the system drop what it keeps of the store in memory; the next run reads the disk."""
    for path in store.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(store: Path, group: str) -> str:
    """What `train` prints in a process of its own, in a control group if one is given."""
    forget_pages(store)
    join = f"echo $$ > {group}/cgroup.procs && " if group else ""
    command = f"{join}exec {sys.executable} {__file__} --train {store}"
    environment = {**os.environ, **ONE_THREAD, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    return done.stdout.splitlines()[-1]


def main() -> None:
    """Train with memory to spare, then with little."""
    if sys.argv[1:2] == ["--train"]:
        train(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        write_noise(store, TRACKS)
        size = sum(path.stat().st_size for path in store.iterdir())
        print(f"store of {size / 1e9:.2f} GB")
        print(f"memory to spare: {run(store, '')}")
        for group in sys.argv[1:]:
            print(f"limited memory:  {run(store, group)}")


if __name__ == "__main__":
    main()
