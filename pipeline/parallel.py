"""Map over tracks or folds on this machine.

PIPELINE_WORKERS says on how many at once (default: every core). It changes no result.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from pipeline.errors import PipelineError

Item = TypeVar("Item")
Result = TypeVar("Result")

BLOCK = 64
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # so that several folds share one GPU
}


def workers() -> int:
    """Number of tasks to run at once."""
    text = os.environ.get("PIPELINE_WORKERS", "")
    if not text:
        return int(cpu_count())
    if not text.isdecimal() or int(text) < 1:
        raise PipelineError(f"PIPELINE_WORKERS = {text!r}: should be a number of at least 1")
    return int(text)


def map_tracks(
    function: Callable[[Item], Result], items: Iterable[Item], *, total: int, label: str
) -> Iterator[Result]:
    """Results in the order of `items`, at most a block of them in memory, with progress.

    Threads do: decoding, resampling and Fourier transforms leave the interpreter free.
    """
    items = iter(items)
    progress = tqdm(total=total, desc=label, unit="track", mininterval=0.5)
    with Parallel(n_jobs=workers(), prefer="threads") as parallel, threadpool_limits(1), progress:
        while block := list(islice(items, BLOCK)):
            for result in parallel(delayed(function)(item) for item in block):
                progress.update()
                yield result


def map_folds(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results in the order of `items`, each computed in a process of its own.

    Every process computes with one thread, however many run at once: the number of threads
    changes the last bits of a sum, and so the weights. Large arrays reach the processes as
    one memory map.
    """
    jobs = min(workers(), len(items))
    os.environ.update(ONE_THREAD)
    # joblib runs a single job in this very process; two with one dispatched at a time do not.
    with Parallel(n_jobs=max(jobs, 2), backend="loky", pre_dispatch=jobs, batch_size=1) as parallel:
        return list(parallel(delayed(function)(item) for item in items))
