"""Map over tracks or folds, on this machine or on a Dask cluster.

PIPELINE_WORKERS says how many run at once (default: one for each core). PIPELINE_SCHEDULER, the
address of a Dask scheduler, sends them there instead. Neither changes a result.
"""

import logging
import os
import pickle
import re
import socket
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from pipeline.base.cli import RESUMES, progress
from pipeline.base.errors import PipelineError

Item = TypeVar("Item")
Result = TypeVar("Result")
Sent = TypeVar("Sent")

MANY = 200  # items for which processes are worth the second that they take to start
AHEAD = 16  # items that each thread has at once, as one of them may take long
SENT = 1000  # items that a cluster has at once
ORPHAN_SECONDS = 1.0  # between two checks whether the parent lives
FEEDER_SECONDS = 5.0  # for which an error waits at most
PATIENCE_SECONDS = 15  # how long a scheduler may take to answer
WORKER_SECONDS = 30  # how long a cluster may have no worker
LOOK_SECONDS = 5  # between two looks at what became of the workers
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",  # PyTorch
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "PJRT_NPROC": "1",  # JAX: without it, the number of cores would change the sums
}
# What has to be the same on all machines for Dask itself. Builder.compute and train_fold refuse
# other code of ours and other libraries.
SAME = ("python", "dask", "distributed", "cloudpickle")
# joblib warns when an error ends the work early, and when it replaces a process that has grown:
# nobody can do anything about either.
warnings.filterwarnings("ignore", r"(?s).*adjusting the input task iterator", UserWarning)
warnings.filterwarnings("ignore", r"A worker stopped while some jobs were given", UserWarning)
# Dask's warning of this is a table; _require_same_versions names the difference in one line.
warnings.filterwarnings("ignore", "Mismatched versions found")


def workers() -> int:
    """Return how many tasks run at once on this machine."""
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
    """Yield results in the order of `items`, with progress; `items` are taken as they are needed.

    `light` work is done by threads of this process, which start at once but share the
    interpreter, and so may read stores that are open here. Other work is done by the cluster, if
    there is one, which gives the items of a lost worker to another; without a cluster by
    processes, or by threads if the items are few.

    Raises
    ------
    PipelineError
        A process was killed, or PIPELINE_SCHEDULER does not name a cluster that serves.
    """
    if not total:
        return
    if _scheduler() and not light:
        mapped = _map_on_cluster(function, items)
    elif light or total < MANY:
        mapped = _map_in_threads(function, items)
    else:
        mapped = _map_in_processes(function, items)
    with closing(mapped) as results, progress(total, label) as reported:
        for result in results:
            reported.update()
            yield result


def map_folds(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return results in the order of `items`, each computed in a process of its own.

    Every process computes with one thread, however many of them run at once: the number of
    threads changes the last bits of a sum, and so the weights. Large arrays reach the processes
    of this machine as one memory map.

    Raises
    ------
    PipelineError
        A process was killed, or PIPELINE_SCHEDULER does not name a cluster that serves.
    """
    if _scheduler():
        return list(_map_on_cluster(function, items))
    jobs = min(workers(), len(items))
    get_reusable_executor().shutdown()  # its processes may have started with more threads
    # joblib would run a single job in this process; of two, dispatch one at a time.
    with _environment(ONE_THREAD), _processes(max(jobs, 2)):
        parallel = Parallel(pre_dispatch=jobs, batch_size=1)
        return list(parallel(delayed(function)(item) for item in items))


def _map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    count = workers()
    threads = ThreadPoolExecutor(count)
    try:
        with threadpool_limits(1):
            yield from _in_order(
                lambda item: threads.submit(function, item), Future.result, items, AHEAD * count
            )
    finally:
        # Python kills the threads that it finds as it ends, and one that is in HDF5 or in C++
        # then leaves a lock behind or aborts the process.
        threads.shutdown(cancel_futures=True)


def _map_in_processes(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    with _processes(workers()):
        yield from Parallel(return_as="generator")(delayed(function)(item) for item in items)


def _map_on_cluster(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    """Yield what the workers of a scheduler compute.

    joblib has a backend for Dask, which waits for ever where all workers are lost, or where
    Dask itself gives up a task.
    """
    with _client() as client:
        _require_worker(client)
        _require_same_versions(client)
        submit, result = partial(_submit, client, function), partial(_result, client)
        yield from _in_order(submit, result, items, SENT)


def _in_order(
    submit: Callable[[Item], Sent],
    result: Callable[[Sent], Result],
    items: Iterable[Item],
    most: int,
) -> Iterator[Result]:
    """Yield results in the order of `items`; at most `most` are submitted and not yielded."""
    sent: deque[Sent] = deque()
    for item in items:
        if len(sent) == most:
            yield result(sent.popleft())
        sent.append(submit(item))
    while sent:
        yield result(sent.popleft())


@contextmanager
def _processes(count: int) -> Iterator[None]:
    """Have joblib use processes of one thread, which end with this one."""
    parent = {"initializer": _end_with, "initargs": (os.getpid(),)}
    try:
        with parallel_config("loky", n_jobs=count, inner_max_num_threads=1, **parent):
            yield
    except BaseException as error:
        _wait_for_feeders()
        if not isinstance(error, TerminatedWorkerError):
            raise
        signals = ", ".join(sorted(set(re.findall(r"SIG\w+", str(error))))) or "without a signal"
        raise PipelineError(
            f"a worker process was killed ({signals}), perhaps for want of memory, of which a "
            f"PIPELINE_WORKERS below {count} needs less; {RESUMES}"
        ) from None


def _wait_for_feeders() -> None:
    """Let the threads that fed the processes end, now that joblib has ended these.

    Python stops them wherever they are as it ends itself. Where that is between deleting a lock
    and telling so, joblib's resource tracker warns of it, after the error of this process.
    """
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(FEEDER_SECONDS)


def _end_with(parent: int) -> None:
    """End this process when the parent that waits for it is killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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


def _scheduler() -> str:
    return os.environ.get("PIPELINE_SCHEDULER", "")


def _refusal(problem: str, advice: str = "docs/cluster.md prints the commands") -> PipelineError:
    """Return what to raise where the cluster does not serve."""
    return PipelineError(f"PIPELINE_SCHEDULER = {_scheduler()!r}: {problem}; {advice}")


def _client() -> Any:
    """Connect to the scheduler."""
    try:
        from distributed import Client, __version__
    except ImportError:
        raise PipelineError(
            "PIPELINE_SCHEDULER needs Dask: pip install -c requirements-dev.lock -e '.[cluster]'"
        ) from None
    # They report connections that are closed or lost.
    for name in ("asyncio", "distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    connect = partial(Client, _scheduler(), timeout=PATIENCE_SECONDS)
    try:
        return _within(2 * PATIENCE_SECONDS, connect)
    except Exception as error:  # of another version of Dask, any may come
        reason = " ".join(str(error).split()) or "it does not speak"
        raise _refusal(f"no scheduler of Dask {__version__} answers there ({reason})") from None


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what the call returns; raise TimeoutError if that takes longer.

    Dask has time limits of its own, but not for a machine that is silent in the middle of a
    conversation.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(seconds)


def _require_worker(client: Any) -> None:
    """Wait for a worker, but not for ever."""
    wait = partial(client.wait_for_workers, 1, timeout=WORKER_SECONDS)
    try:
        _within(WORKER_SECONDS + PATIENCE_SECONDS, wait)
    except TimeoutError:
        raise _refusal(f"it has had no worker for {WORKER_SECONDS} seconds") from None


def _require_same_versions(client: Any) -> None:
    """Compare what Dask needs to be the same here, in the scheduler and in every worker."""
    versions = client.get_versions()
    own = versions["client"]["packages"]
    others = {"the scheduler": versions["scheduler"]}
    others |= {f"the worker {address}": known for address, known in versions["workers"].items()}
    for place, known in others.items():
        for name in SAME:
            theirs = known["packages"].get(name)
            if theirs != own[name]:
                raise _refusal(f"{place} has {name} {theirs}, and this process {own[name]}")


def _submit(client: Any, function: Callable[..., Any], item: Any) -> Any:
    """Have a worker call the function with one thread; return what `_result` takes."""
    import cloudpickle

    # The scheduler unpickles what it passes on, and need not have our code: so the call goes as
    # bytes, to a nested function, which is pickled with its code.
    def call(pickled: bytes) -> tuple[str, Any]:
        os.environ.update(ONE_THREAD)
        try:
            function, item = pickle.loads(pickled)
        except Exception as error:
            return f"{socket.gethostname()}: {error}", None
        return "", function(item)

    return client.submit(call, cloudpickle.dumps((function, item)), pure=False)


def _result(client: Any, future: Any) -> Any:
    """Wait for what a worker returns.

    Raises
    ------
    PipelineError
        The worker does not have our code, or the scheduler or all workers are lost.
    """
    from distributed.scheduler import KilledWorker

    while True:
        try:
            failure, value = future.result(LOOK_SECONDS)
        except TimeoutError:
            if future.status != "error":
                _require_worker(client)
            elif isinstance(future.exception(), TimeoutError):
                raise  # it is the function's own
        except CancelledError:
            raise _refusal("the connection to it was lost", RESUMES) from None
        except KilledWorker:
            raise _refusal(
                "worker after worker was lost with the same task, perhaps for want of memory",
                RESUMES,
            ) from None
        else:
            if failure:
                raise _refusal(f"a worker cannot load the code of this project ({failure})")
            return value
