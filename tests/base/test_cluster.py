"""Maps on a Dask cluster within this process; tests/test_cluster.py has real processes."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from pipeline.base import parallel as cluster
from pipeline.base.cli import RESUMES
from pipeline.base.errors import PipelineError
from pipeline.base.parallel import ONE_THREAD, map_folds, map_tracks

distributed = pytest.importorskip("distributed")


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """A scheduler and workers of one thread, all in this process."""
    options = {"processes": False, "dashboard_address": "127.0.0.1:0"}
    with (
        mock.patch.dict(os.environ),
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, **options) as local,
    ):
        os.environ["PIPELINE_SCHEDULER"] = local.scheduler_address
        yield local


@pytest.fixture
def started() -> Iterator[Any]:
    """A cluster with one worker."""
    with local_cluster(1) as local:
        yield local


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKER_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(cluster, name, 0.2)
    # Twice as long, Dask waits for a client to close, which takes its time on a busy machine.
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 2.0)


def thread_and_environment(_: int) -> tuple[str, dict[str, str | None]]:
    return threading.current_thread().name, {name: os.environ.get(name) for name in ONE_THREAD}


def double(item: int) -> int:
    return 2 * item


def fail_at_two(item: int) -> int:
    if item == 2:
        raise PipelineError(f"item {item} is broken")
    return item


def time_out(_: int) -> None:
    raise TimeoutError("slow disk")


def double_all(items: range) -> list[int]:
    return list(map_tracks(double, items, total=len(items), label="double"))


@pytest.mark.usefixtures("started")
def test_a_cluster_takes_tracks_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.base.parallel.SENT", 3)
    read: list[int] = []

    def items() -> Iterator[int]:
        for item in range(10):
            read.append(item)
            yield item

    results = map_tracks(double, items(), total=10, label="double")
    assert next(results) == 0
    assert read == [0, 1, 2, 3]
    assert list(results) == [2 * item for item in range(1, 10)]
    assert read == list(range(10))


def test_light_work_stays_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may need what cannot be pickled, such as an open store."""
    monkeypatch.setenv("PIPELINE_SCHEDULER", "tcp://127.0.0.1:1")  # where nobody is
    lock = threading.Lock()
    results = map_tracks(lambda _: lock, range(3), total=3, label="lock", light=True)
    assert list(results) == 3 * [lock]


@pytest.mark.usefixtures("started")
def test_an_error_on_a_cluster_propagates() -> None:
    with pytest.raises(PipelineError, match=r"^item 2 is broken$"):
        list(map_tracks(fail_at_two, range(5), total=5, label="fail"))
    with pytest.raises(PipelineError, match=r"^item 2 is broken$"):
        map_folds(fail_at_two, [1, 2])
    with pytest.raises(TimeoutError, match=r"^slow disk$"):
        map_folds(time_out, [0])


@pytest.mark.usefixtures("started")
def test_a_worker_computes_with_one_thread() -> None:
    in_track = list(map_tracks(thread_and_environment, [0], total=1, label="show"))
    for name, environment in [*in_track, *map_folds(thread_and_environment, [0])]:
        assert name != threading.current_thread().name
        assert environment == ONE_THREAD


def refused(what: str) -> Any:
    """The error that names the address and then says what is wrong."""
    return pytest.raises(PipelineError, match=f"^PIPELINE_SCHEDULER = '[^']+': {what}")


def test_where_nobody_answers_or_says_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = server.getsockname()[1]
        for port, why in ((1, ""), (silent, r" \(it does not speak\); docs/")):
            monkeypatch.setenv("PIPELINE_SCHEDULER", f"tcp://127.0.0.1:{port}")
            with refused(f"no scheduler of Dask [0-9.]+ answers there{why}"):
                double_all(range(1))


def test_no_worker_is_no_endless_wait() -> None:
    with local_cluster(0), refused("it has had no worker for .*; docs/cluster.md prints"):
        double_all(range(1))


def test_that_all_workers_are_lost_is_no_endless_wait(started: Any) -> None:
    def lose(worker: str) -> None:
        started.sync(started.scheduler.remove_worker, worker, stimulus_id="lost", close=False)

    [worker] = started.scheduler.workers
    with refused("it has had no worker for "):
        for item in map_tracks(double, range(2000), total=2000, label="double"):
            if item == 0:
                lose(worker)


@pytest.mark.parametrize("name", ["python", "distributed"])
@pytest.mark.parametrize("place", ["the scheduler", "the worker tcp://a:1"])
def test_other_versions_are_refused(place: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = dict.fromkeys(cluster.SAME, "2")
    others = {"the scheduler": own, "the worker tcp://a:1": own, place: {**own, name: "1"}}
    versions = {
        "client": {"packages": own},
        "scheduler": {"packages": others["the scheduler"]},
        "workers": {"tcp://a:1": {"packages": others["the worker tcp://a:1"]}},
    }
    client = SimpleNamespace(get_versions=lambda: versions)
    monkeypatch.setenv("PIPELINE_SCHEDULER", "tcp://a:0")
    with refused(f"{place} has {name} 1, and this process 2; "):
        cluster._require_same_versions(client)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CancelledError(), "the connection to it was lost"),
        (distributed.KilledWorker("task", "tcp://a:1", 3), "worker after worker was lost"),
    ],
    ids=["scheduler", "workers"],
)
def test_a_cluster_that_is_lost_is_one_line(
    error: Exception, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_SCHEDULER", "tcp://a:0")
    # It happens just after the result was waited for in vain.
    future = mock.Mock(status="error", exception=lambda: error)
    future.result.side_effect = [TimeoutError(), error]
    with refused(f"{expected}.*; {re.escape(RESUMES)}$"):
        cluster._result(None, future)
