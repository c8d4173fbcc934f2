"""Maps over tracks and folds: ordered, the same with any number of workers."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
from joblib.externals.loky import get_reusable_executor
from project import ROOT, wait_until

from pipeline.base.cli import RESUMES
from pipeline.base.errors import PipelineError
from pipeline.base.parallel import MANY, ONE_THREAD, _processes, map_folds, map_tracks, workers

# Processes of a test import this module: it imports nothing that takes long.

Where = tuple[int, int, dict[str, str | None]]


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Put back what `map_folds` sets, and end the processes that it started."""
    with mock.patch.dict(os.environ):
        yield
    get_reusable_executor().shutdown(wait=True)


def where(item: int) -> Where:
    return item, os.getpid(), {name: os.environ.get(name) for name in ONE_THREAD}


def mapped(array: tuple[npt.NDArray[np.float64], int]) -> tuple[str, float]:
    rows, item = array
    return str(getattr(rows, "filename", "")), float(rows[item])


def sleep_for_long(path: str) -> None:
    """Sleep, once it is known which process does."""
    partial = Path(path + ".partial")
    partial.write_text(str(os.getpid()), encoding="utf-8")
    partial.rename(path)
    time.sleep(600)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")")[-1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def fail_at_two(item: int) -> int:
    if item == 2:
        raise PipelineError(f"item {item} is broken")
    return item


def double(item: int) -> int:
    return 2 * item


@pytest.mark.parametrize("count", ["1", "2"])
@pytest.mark.parametrize("total", [0, 1, 2, MANY + 3])
def test_tracks_come_in_order(count: str, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", count)
    results = map_tracks(double, range(total), total=total, label="double")
    assert list(results) == [2 * item for item in range(total)]


def test_tracks_are_taken_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    read: list[int] = []
    done: list[int] = []

    def items() -> Iterator[int]:
        for item in range(MANY - 1):
            assert len(read) - len(done) < 50
            read.append(item)
            yield item

    list(map_tracks(done.append, items(), total=MANY - 1, label="append"))
    assert sorted(done) == read == list(range(MANY - 1))


@pytest.mark.parametrize(("count", "folds"), [("1", 4), ("2", 4), ("2", 1)])
def test_folds_run_in_other_processes_with_one_thread(
    count: str, folds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", count)
    results = map_folds(where, list(range(folds)))
    assert [item for item, _, _ in results] == list(range(folds))
    for _, process, environment in results:
        assert process != os.getpid()
        assert environment == ONE_THREAD
    assert ONE_THREAD["TF_NUM_INTRAOP_THREADS"] == "1"


def test_many_tracks_and_folds_after_them_have_processes_of_one_thread_and_leave_no_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    before = dict(os.environ)
    heavy, light = (
        list(map_tracks(where, range(MANY), total=MANY, label="where", light=each))
        for each in (False, True)
    )
    assert os.getpid() not in {process for _, process, _ in heavy}
    assert {environment["OMP_NUM_THREADS"] for _, _, environment in heavy} == {"1"}
    assert {process for _, process, _ in light} == {os.getpid()}
    assert all(environment == ONE_THREAD for _, _, environment in map_folds(where, [0, 1, 2]))
    assert dict(os.environ) == before


# Maps over many tracks, or over folds, which sleep.
SLEEPING = """
from pipeline.base.cli import run_stage
from tests.base.test_parallel import map_folds, map_tracks, sleep_for_long
paths = {paths}
run_stage(lambda: list({call}))
"""
SLEEPS = {
    "folds": "map_folds(sleep_for_long, paths)",
    "tracks": "map_tracks(sleep_for_long, paths, total=1000, label='sleep')",
}


@contextmanager
def sleeping(folder: Path, call: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that waits for two others, and their numbers."""
    places = [folder / "a", folder / "b"]
    code = SLEEPING.format(paths=[str(place) for place in places], call=call)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "PIPELINE_WORKERS": "2"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_until(lambda: all(place.exists() for place in places))
            processes = [int(place.read_text(encoding="utf-8")) for place in places]
            assert all(map(alive, processes))
            yield process, processes
        finally:
            process.kill()
    wait_until(lambda: not any(map(alive, processes)))


def assert_one_line(process: subprocess.Popen[str], status: int, line: str) -> None:
    errors = process.communicate()[1]
    assert re.fullmatch(f"{line}; {re.escape(RESUMES)}\n", errors), errors
    assert "the next `dvc repro`" in RESUMES
    assert process.returncode == status


def test_processes_end_with_the_one_that_waits_for_them(tmp_path: Path) -> None:
    with sleeping(tmp_path, SLEEPS["tracks"]) as (process, _):
        process.kill()


@pytest.mark.parametrize("call", SLEEPS.values(), ids=SLEEPS)
def test_a_killed_process_is_one_line(tmp_path: Path, call: str) -> None:
    """As by a system that lacks memory."""
    with sleeping(tmp_path, call) as (process, processes):
        os.kill(processes[0], signal.SIGKILL)
        assert_one_line(process, 2, r"error: a worker process was killed \(SIGKILL\), perhaps .*")


def test_an_interrupt_is_one_line(tmp_path: Path) -> None:
    with sleeping(tmp_path, SLEEPS["folds"]) as (process, _):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert_one_line(process, 130, "interrupted")


def test_threads_have_ended_when_an_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """C++ ends a process in which Python kills a thread that computes there."""
    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    begun: list[int] = []
    ended: list[int] = []

    def compute(item: int) -> None:
        begun.append(item)
        time.sleep(0.01 * item)
        ended.append(item)
        fail_at_two(item)

    with pytest.raises(PipelineError, match="item 2 is broken"):
        list(map_tracks(compute, range(20), total=20, label="fail"))
    assert sorted(ended) == sorted(begun)
    assert len(begun) < 20


def test_the_threads_that_feed_processes_end_before_an_error_is_told() -> None:
    """Python would kill one as it ends, and joblib would warn of the lock that it had in hand."""
    feeder = threading.Thread(target=time.sleep, args=(0.2,), name="QueueFeederThread")
    feeder.start()
    with pytest.raises(PipelineError, match="item 2 is broken"), _processes(2):
        fail_at_two(2)
    assert not feeder.is_alive()


def test_folds_share_one_memory_map_of_a_large_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    rows = np.arange(300_000, dtype=np.float64)
    results = map_folds(mapped, [(rows, item) for item in (0, 7, 299_999)])
    assert [value for _, value in results] == [0.0, 7.0, 299_999.0]
    assert len({filename for filename, _ in results}) == 1
    assert results[0][0] != ""


def test_error_in_a_fold_propagates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    with pytest.raises(PipelineError, match=r"^item 2 is broken$"):
        map_folds(fail_at_two, list(range(4)))


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " 2", "²"])
def test_wrong_number_of_workers_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", text)
    expected = f"^PIPELINE_WORKERS = {text!r}: should be a number of at least 1$"
    with pytest.raises(PipelineError, match=expected):
        map_folds(double, [1])


def test_number_of_workers_is_that_of_the_cores_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.base.parallel.cpu_count", lambda: 13)
    monkeypatch.setenv("PIPELINE_WORKERS", "")
    assert workers() == 13
