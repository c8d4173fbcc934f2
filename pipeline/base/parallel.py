"""Map over tracks or folds, on this machine or on a Dask cluster.

PIPELINE_WORKERS says how many run at once (default: one for each core). PIPELINE_SCHEDULER, the
address of a Dask scheduler, sends them there instead. Neither changes a result.
"""

import logging
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits

from pipeline.base.errors import PipelineError
from pipeline.base.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

LOKY = {"backend": "loky", "inner_max_num_threads": 1}
MANY = 200  # items that are worth the second in which processes start
SENT = 1000  # items that a cluster has at once
# joblib warns when an error ends the work early, and when it replaces a process that has grown:
# nobody can do anything about either.
warnings.filterwarnings("ignore", r"(?s).*adjusting the input task iterator", UserWarning)
warnings.filterwarnings("ignore", r"A worker stopped while some jobs were given", UserWarning)
PATIENCE_SECONDS = 10  # how long a scheduler may take to answer
ORPHAN_SECONDS = 1.0  # between two checks whether the parent lives
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",  # PyTorch
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "PJRT_NPROC": "1",  # JAX: without it, the number of cores would change the sums
}


def workers() -> int:
    """How many tasks run at once on this machine."""
    text = os.environ.get("PIPELINE_WORKERS", "")
    if not text:
        return int(cpu_count())
    if not text.isdecimal() or int(text) < 1:
        raise PipelineError(f"PIPELINE_WORKERS = {text!r}: should be a number of at least 1")
    return int(text)


def map_tracks(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    total: int,
    label: str,
    light: bool = False,
) -> Generator[Result, None, None]:
    """Results in the order of `items`, with progress; `items` are taken as they are needed.

    `light` work, and work on few items, is done by threads, which start at once but share the
    interpreter; other work is done by processes. On a cluster, the items of a lost worker are
    given to another.

    Raises
    ------
    PipelineError
        PIPELINE_SCHEDULER does not name a scheduler that answers.
    """
    if not total:
        return
    address = os.environ.get("PIPELINE_SCHEDULER")
    if address:
        mapped = _map_on_cluster(address, function, items)
    else:
        backend = {"backend": "threading"} if light or total < MANY else LOKY
        mapped = _map_here(backend, function, items)
    with closing(mapped) as results, progress(total, label) as reported:
        for result in results:
            reported.update()
            yield result


def _map_here(
    backend: Mapping[str, Any], function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    with threadpool_limits(1), parallel_config(n_jobs=workers(), **backend):
        yield from Parallel(return_as="generator")(delayed(function)(item) for item in items)


def _map_on_cluster(
    address: str, function: Callable[[Item], Result], items: Iterable[Item], *plugins: Any
) -> Generator[Result, None, None]:
    with _client(address) as client:
        for plugin in plugins:
            client.register_plugin(plugin)
        sent: deque[Any] = deque()
        for item in items:
            if len(sent) == SENT:
                yield sent.popleft().result()
            sent.append(client.submit(function, item, pure=False))
        while sent:
            yield sent.popleft().result()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise PipelineError("PIPELINE_SCHEDULER needs Dask: pip install '.[cluster]'") from None
    for name in ("asyncio", "tornado.application"):  # they report connections that Dask closed
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=PATIENCE_SECONDS)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise PipelineError(f"PIPELINE_SCHEDULER = {address!r}: {reason}") from None


def map_folds(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results in the order of `items`, each computed in a process of its own.

    Every process computes with one thread, however many of them run at once: the number of
    threads changes the last bits of a sum, and so the weights. Large arrays reach the processes
    as one memory map.

    Raises
    ------
    PipelineError
        PIPELINE_SCHEDULER does not name a scheduler that answers.
    """
    address = os.environ.get("PIPELINE_SCHEDULER")
    if address:
        return list(_map_on_cluster(address, function, items, _one_thread_plugin()))
    jobs = min(workers(), len(items))
    get_reusable_executor().shutdown()  # its processes may have started with more threads
    # joblib would run a single job in this process; of two, dispatch one at a time.
    several = parallel_config("loky", n_jobs=max(jobs, 2), inner_max_num_threads=1)
    with _environment(ONE_THREAD), several, Parallel(pre_dispatch=jobs, batch_size=1) as parallel:
        wanted = partial(_while_wanted, os.getpid(), function)
        return list(parallel(delayed(wanted)(item) for item in items))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started in the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _while_wanted(parent: int, function: Callable[[Item], Result], item: Item) -> Result:
    """Call the function, and end this process if the parent that waits for it is killed."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(ORPHAN_SECONDS):
            if os.getppid() != parent:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        return function(item)
    finally:
        done.set()


def _one_thread_plugin() -> Any:
    """Has every worker of a cluster, also one that comes later, compute with one thread."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class OneThread(WorkerPlugin):  # type: ignore[misc]
        name = "one-thread"

        def setup(self, worker: Any) -> None:  # noqa: ARG002
            os.environ.update(ONE_THREAD)

    return OneThread()
