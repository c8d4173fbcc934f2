"""A Dask cluster of real processes: it writes what this machine writes, though a worker is lost."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import write_params
from waiting import wait_until
from workplace import MUSIC_TRACKS, Workplace

from pipeline.base.parallel import ONE_THREAD

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

SEGMENT = ("python", "-m", "pipeline.segment")
EXTRACT = ("python", "-m", "pipeline.extract", "centroid")
REPLICAS = ("python", "-m", "pipeline.replicas")
SPLIT = ("python", "-m", "pipeline.split")
PARAMS = {
    "dataset.path": "music",
    "feature": "centroid",
    "model": "ann",
    "split.folds": 3,
    "models.ann.epochs": 5,
}
# Trains every fold in this one process and then on the cluster, with a cache for each.
TRAIN_TWICE = """
import os
from pathlib import Path
from pipeline.base.paths import FEATURE_STORES
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.store.cache import Cache
from pipeline.training.cross_validation import code_of, train_fold, train_folds
from pipeline.training.experiment import read_experiment
from pipeline.training.tasks import make_tasks

experiment, tracks = read_experiment(), read_folds()
clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
tasks = make_tasks(experiment, tracks, clips)
for task in tasks:
    train_fold(task, Cache(Path("here")), code_of(task))
folders = train_folds(tasks)
assert len(set(folders)) == len(tasks)
"""

Process = subprocess.Popen[bytes]
Contents = dict[str, bytes]


class Cluster:
    """A scheduler on this machine and its workers; `stop` ends them all."""

    def __init__(self, place: Workplace) -> None:
        self.file = place.folder / "scheduler.json"
        options = ("--host=127.0.0.1", "--port=0", "--no-dashboard", "--no-show")
        self.scheduler = self._start(place, "scheduler", *options)
        self.workers: list[Process] = []
        wait_until(self.file.is_file)
        wait_until(lambda: self.file.read_text().rstrip().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def add_workers(self, place: Workplace, count: int) -> None:
        """Start workers that run the code of a workplace, and wait until they have come."""
        options = ("--host=127.0.0.1", "--no-nanny", "--nthreads=1", "--no-dashboard")
        for _ in range(count):
            local = "--local-directory=workers"
            self.workers.append(self._start(place, "worker", *options, local))
        with distributed.Client(self.address, timeout=60) as client:
            client.wait_for_workers(len(self.workers), timeout=60)

    def lose_worker(self) -> None:
        """Kill the worker that came first."""
        worker = self.workers.pop(0)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def stop(self) -> None:
        while self.workers:
            self.lose_worker()
        self.scheduler.kill()
        self.scheduler.wait()

    def _start(self, place: Workplace, kind: str, *options: str) -> Process:
        module = f"distributed.cli.dask_{kind}"
        return place.start("python", "-m", module, f"--scheduler-file={self.file}", *options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, Contents]:
    """A workplace, and what this machine makes in it for training."""
    place = Workplace(tmp_path_factory.mktemp("work") / "place")
    write_params(place.folder, PARAMS)
    for command in (SEGMENT, EXTRACT, REPLICAS, SPLIT):
        place.run(*command)
    return place, place.contents()


@pytest.fixture
def place(made: tuple[Workplace, Contents]) -> Workplace:
    """The workplace without a trace of what was computed."""
    made[0].renew()
    return made[0]


@pytest.fixture(scope="module")
def started(made: tuple[Workplace, Contents]) -> Iterator[Cluster]:
    cluster = Cluster(made[0])
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(started: Cluster) -> Iterator[Cluster]:
    """A cluster without a worker yet."""
    yield started
    while started.workers:
        started.lose_worker()


def lose_worker_when(cluster: Cluster, stage: Process, condition: object) -> None:
    assert callable(condition)
    try:
        wait_until(lambda: condition() or stage.poll() is not None)
        assert stage.poll() is None
        cluster.lose_worker()
    except BaseException:
        stage.kill()
        stage.wait()
        raise


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(
    place: Workplace, cluster: Cluster, made: tuple[Workplace, Contents]
) -> None:
    place.hold.touch()
    cluster.add_workers(place, 2)
    stage = place.start(*SEGMENT, PIPELINE_SCHEDULER=cluster.address)
    lose_worker_when(cluster, stage, lambda: len(place.held()) >= 15)
    place.hold.unlink()
    assert stage.wait(120) == 0
    output = place.run(*EXTRACT, PIPELINE_SCHEDULER=cluster.address)
    assert f"centroid: {MUSIC_TRACKS} tracks, 0 reused, {MUSIC_TRACKS} computed" in output
    written = place.contents()
    assert written == {name: made[1][name] for name in written}
    assert sum(name.startswith("data/features/centroid/") for name in written) == 32


def test_a_worker_of_other_code_is_refused(
    place: Workplace, cluster: Cluster, tmp_path: Path
) -> None:
    other = Workplace(tmp_path / "other")
    with (other.folder / "pipeline" / "audio" / "pcm.py").open("a") as file:
        file.write("CHANGED = True\n")
    cluster.add_workers(other, 1)
    output = place.run(*SEGMENT, status=2, PIPELINE_SCHEDULER=cluster.address)
    assert "Traceback" not in output
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert errors == [
        "error: a worker runs other code or libraries than this process; restart the workers of "
        "a cluster, and run it again"
    ]
    assert place.held() == set()
    assert not (place.folder / "data" / "clips").exists()


def test_folds_on_a_cluster_that_loses_a_worker_are_those_of_one_process(
    place: Workplace, cluster: Cluster, made: tuple[Workplace, Contents]
) -> None:
    place.restore(made[1])
    cluster.add_workers(place, 2)
    script = ("python", "-c", TRAIN_TWICE)
    stage = place.start(*script, PIPELINE_SCHEDULER=cluster.address, **ONE_THREAD)
    lose_worker_when(cluster, stage, lambda: any(place.cache.glob("folds/*/*")))
    assert stage.wait(120) == 0
    caches = [place.cache, place.folder / "here"]
    on_cluster, here = (
        {path.parent.name: path.read_bytes() for path in cache.glob("folds/*/model.keras")}
        for cache in caches
    )
    assert on_cluster == here
    assert len(here) == PARAMS["split.folds"]
