"""A Dask cluster: whatever is wrong with it ends in one line instead of an endless wait."""

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from pipeline.base.errors import PipelineError
from pipeline.base.terminal import RESUMES

Result = TypeVar("Result")

PATIENCE_SECONDS = 15  # how long a scheduler may take to answer
WORKER_SECONDS = 30  # how long there may be no worker
LOOK_SECONDS = 5  # between two looks at what became of the workers
# What has to be the same on all machines for Dask itself. Builder.compute and train_fold refuse
# other code of ours and other libraries.
SAME = ("python", "dask", "distributed", "cloudpickle")
PRINTED = "docs/cluster.md prints the commands"
# Dask's own warning of this is a table; _require_same_versions says it in one line.
warnings.filterwarnings("ignore", "Mismatched versions found")


class Cluster:
    """Has the workers of a scheduler call functions; see `connected`."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address

    def submit(self, function: Callable[..., Any], item: Any) -> Any:
        """Have a worker call the function; return what `result` takes."""
        import cloudpickle

        # As bytes: the scheduler unpickles what it passes on otherwise, and need not have our code.
        call = cloudpickle.dumps((function, item))
        return self._client.submit(_unpickling(), call, pure=False)

    def result(self, future: Any) -> Any:
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
                if future.status == "error":
                    raise  # it is the function's own
                self.require_worker()
            except CancelledError:
                raise self.error("the connection to it was lost", RESUMES) from None
            except KilledWorker:
                raise self.error(
                    "worker after worker was lost with the same task, perhaps for want of memory",
                    RESUMES,
                ) from None
            else:
                if failure:
                    raise self.error(f"a worker cannot load the code of this project ({failure})")
                return value

    def require_worker(self) -> None:
        """Wait for a worker, but not for ever."""
        wait = partial(self._client.wait_for_workers, 1, timeout=WORKER_SECONDS)
        try:
            _within(WORKER_SECONDS + PATIENCE_SECONDS, wait)
        except TimeoutError:
            raise self.error(f"it has had no worker for {WORKER_SECONDS} seconds") from None

    def require_same_versions(self) -> None:
        """Compare what Dask needs to be the same here, in the scheduler and in every worker."""
        found = self._client.get_versions()
        own = found["client"]["packages"]
        others = {"the scheduler": found["scheduler"]}
        others |= {f"the worker {address}": known for address, known in found["workers"].items()}
        for place, known in others.items():
            for name in SAME:
                theirs = known["packages"].get(name)
                if theirs != own[name]:
                    raise self.error(f"{place} has {name} {theirs}, and this process {own[name]}")

    def error(self, problem: str, advice: str = PRINTED) -> PipelineError:
        """What to raise when the cluster does not serve."""
        return PipelineError(f"PIPELINE_SCHEDULER = {self._address!r}: {problem}; {advice}")


@contextmanager
def connected(address: str, *plugins: Any) -> Iterator[Cluster]:
    """Connect to the scheduler at `address`; `plugins` are for all of its workers.

    Raises
    ------
    PipelineError
        Dask is missing, no scheduler answers there, it has no worker, or versions differ.
    """
    with _client(address) as client:
        cluster = Cluster(client, address)
        cluster.require_worker()
        cluster.require_same_versions()
        for plugin in plugins:
            client.register_plugin(plugin)
        yield cluster


def _client(address: str) -> Any:
    try:
        from distributed import Client, __version__
    except ImportError:
        raise PipelineError("PIPELINE_SCHEDULER needs Dask: pip install '.[cluster]'") from None
    # They report connections that are closed or lost.
    for name in ("asyncio", "distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return _within(2 * PATIENCE_SECONDS, partial(Client, address, timeout=PATIENCE_SECONDS))
    except Exception as error:  # of another version of Dask, any may come
        reason = " ".join(str(error).split()) or "it does not speak"
        raise PipelineError(
            f"PIPELINE_SCHEDULER = {address!r}: no scheduler of Dask {__version__} answers there "
            f"({reason})"
        ) from None


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    """What the call returns; a TimeoutError if that takes longer than some seconds."""
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(seconds)


def _unpickling() -> Callable[[bytes], tuple[str, Any]]:
    """A function that goes to other processes by value, which is how nested ones are pickled."""

    def call(pickled: bytes) -> tuple[str, Any]:
        import pickle
        import socket

        try:
            function, item = pickle.loads(pickled)
        except Exception as error:
            return f"{socket.gethostname()}: {error}", None
        return "", function(item)

    return call
