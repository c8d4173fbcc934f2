"""A Dask cluster of real processes: it writes what this machine writes, though a worker is lost."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import write_params
from helpers import MUSIC_TRACKS, Workplace, wait_until

pytest.importorskip("distributed")
SEGMENT = ("python", "-m", "pipeline.segment")
MEL = ("python", "-m", "pipeline.extract", "mel")
REPLICAS = ("python", "-m", "pipeline.replicas")
SPLIT = ("python", "-m", "pipeline.split")
TRAIN = ("python", "-m", "pipeline.train")
WAIT = """
import sys
from distributed import Client
with Client(sys.argv[1], timeout=60) as client:
    client.wait_for_workers(int(sys.argv[2]), timeout=60)
"""


class Cluster:
    """A scheduler on this machine and its workers; `stop` ends them all."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.processes: list[subprocess.Popen[bytes]] = []
        self.file = place.folder / "scheduler.json"
        self.file.unlink(missing_ok=True)
        self._start("scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard", "--no-show")
        wait_until(self.file.is_file)
        wait_until(lambda: self.file.read_text().rstrip().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self, place: Workplace | None = None) -> subprocess.Popen[bytes]:
        """Start a worker, of the code in another workplace if one is given."""
        options = ("--host=127.0.0.1", "--no-nanny", "--nthreads=1", "--no-dashboard")
        return self._start("worker", *options, "--local-directory=workers", place=place)

    def wait(self, workers: int) -> None:
        """Wait until that many workers have come."""
        self.place.run(sys.executable, "-c", WAIT, self.address, str(workers))

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _start(
        self, kind: str, *options: str, place: Workplace | None = None
    ) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{kind}"
        command = ("python", "-m", module, f"--scheduler-file={self.file}", *options)
        self.processes.append((place or self.place).start(*command))
        return self.processes[-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("work") / "place")


@pytest.fixture
def cluster(place: Workplace) -> Iterator[Cluster]:
    """A cluster without a worker yet."""
    place.renew()
    cluster = Cluster(place)
    yield cluster
    cluster.stop()


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(
    place: Workplace, cluster: Cluster
) -> None:
    for command in (SEGMENT, MEL):
        place.run(*command)
    expected = place.contents()
    place.renew()
    place.hold.touch()
    first, _ = cluster.add_worker(), cluster.add_worker()
    cluster.wait(2)
    stage = place.start(*SEGMENT, PIPELINE_SCHEDULER=cluster.address)
    cluster.processes.append(stage)
    wait_until(lambda: len(place.held()) >= 15 or stage.poll() is not None)
    assert stage.poll() is None
    first.send_signal(signal.SIGKILL)
    place.hold.unlink()
    assert stage.wait(120) == 0
    cluster.add_worker()
    cluster.wait(2)
    output = place.run(*MEL, PIPELINE_SCHEDULER=cluster.address)
    assert f"mel: {MUSIC_TRACKS} tracks, 0 reused, {MUSIC_TRACKS} computed" in output
    assert place.contents() == expected


def test_a_worker_of_other_code_is_refused(
    place: Workplace, cluster: Cluster, tmp_path: Path
) -> None:
    other = Workplace(tmp_path / "other")
    with (other.folder / "pipeline" / "pcm.py").open("a") as file:
        file.write("# changed\n")
    cluster.add_worker(other)
    cluster.add_worker(other)
    cluster.wait(2)
    output = place.run(*SEGMENT, status=2, PIPELINE_SCHEDULER=cluster.address)
    assert "Traceback" not in output
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert errors == ["error: a worker runs other code or libraries than this; restart it"]
    assert place.held() == set()
    assert not (place.folder / "data" / "clips").exists()


def test_folds_on_a_cluster_that_loses_a_worker_are_those_of_this_machine(
    place: Workplace, cluster: Cluster
) -> None:
    changes = {"dataset.path": "music", "model": "ann", "split.folds": 6, "models.ann.epochs": 10}
    write_params(place.folder, changes)
    for command in (SEGMENT, MEL, REPLICAS, SPLIT, TRAIN):
        place.run(*command)
    trained = place.folder / "models" / "trained"
    expected = {path.name: path.read_bytes() for path in trained.iterdir()}
    assert len(expected) == 12
    shutil.rmtree(place.cache / "folds")
    shutil.rmtree(trained)
    first, _ = cluster.add_worker(), cluster.add_worker()
    cluster.wait(2)
    stage = place.start(*TRAIN, PIPELINE_SCHEDULER=cluster.address)
    cluster.processes.append(stage)
    wait_until(lambda: any(place.cache.glob("folds/*/*")) or stage.poll() is not None)
    first.send_signal(signal.SIGKILL)
    assert stage.wait(120) == 0
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == expected
