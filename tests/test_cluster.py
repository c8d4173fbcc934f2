"""A Dask cluster as docs/cluster.md has it started: it writes what this machine writes."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from documents import write_params
from project import ROOT, wait_until
from test_docs import console_blocks
from workplace import MUSIC_TRACKS, Process, Workplace, kill_group

from pipeline.__main__ import STAGES
from pipeline.base.parallel import ONE_THREAD

distributed = pytest.importorskip("distributed")
BLOCKS = console_blocks((ROOT / "docs" / "cluster.md").read_text("utf-8"))
[[SCHEDULER, WORKERS, REPRO]] = [each for each in BLOCKS if "dask scheduler" in each[0]]
ALONE = [{"extract": "extract centroid"}.get(name, name) for name in STAGES if name != "demo"]
COMPARE = ("python", "-m", "pipeline.compare", "HEAD", "--html")
EVALUATE = ("python", "-m", "pipeline.evaluate")
SEGMENT = ("python", "-m", "pipeline.segment")
FOLDS = 2
BUSY_SECONDS = 600  # for a few stages on a machine that does much else
PARAMS = {
    "dataset.path": "music",
    "extract.features": ["centroid"],
    "feature": "centroid",
    "segment.seconds": 1,
    "model": "ann",
    "split.folds": FOLDS,
    "models.ann.epochs": 2,
}
IN_ONE_PROCESS = """
import importlib, sys
from pipeline.training import cross_validation
cross_validation.map_folds = lambda function, items: list(map(function, items))
for stage in sys.argv[1:]:
    sys.argv = stage.split()
    importlib.import_module(f"pipeline.{sys.argv[0]}").main()
"""
# Name when the folds were trained, or have the digest of a file that does.
DATED = {"metrics/training.json", "metrics/scores.json", "data/report/index.html"}

Contents = dict[str, bytes]


class Cluster:
    """A scheduler on this machine and its workers, started by what the docs print."""

    def __init__(self, place: Workplace) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = str(free.getsockname()[1])
        self._scheduler = self.type(place, SCHEDULER)
        self.address = f"tcp://127.0.0.1:{self._port}"
        with distributed.Client(self.address, timeout=120):
            pass  # a busy machine may take long to start it

    def type(self, place: Workplace, command: str, cores: int = 1) -> Process:
        """Start a command of the docs in a folder that is no Python path yet."""
        meanings = {"HOST": "127.0.0.1", "8786": self._port, "$(nproc)": str(cores)}
        for printed, meant in meanings.items():
            command = command.replace(printed, meant)
        scratch = str(place.folder / "workers")
        variables = {"PYTHONPATH": "", "DASK_TEMPORARY_DIRECTORY": scratch}
        return place.start("bash", "-c", command, **variables)

    def lose_worker(self) -> None:
        """Kill one of the workers."""
        with distributed.Client(self.address, timeout=60) as client:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    def stop(self) -> None:
        kill_group(self._scheduler)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, Contents]:
    """A workplace whose DAG lacks the demo, and what this machine makes in it."""
    place = Workplace(tmp_path_factory.mktemp("work") / "place")
    write_params(place.folder, PARAMS)
    dag = yaml.safe_load((place.folder / "dvc.yaml").read_text())
    del dag["stages"]["demo"]
    (place.folder / "dvc.yaml").write_text(yaml.safe_dump(dag, sort_keys=False))
    place.run("git", "init", "-q")
    finish(place, place.start("python", "-c", IN_ONE_PROCESS, *ALONE, **ONE_THREAD))
    return place, place.contents()


@pytest.fixture
def place(made: tuple[Workplace, Contents]) -> Workplace:
    """The workplace without a trace of what was computed."""
    made[0].renew()
    return made[0]


@pytest.fixture(scope="module")
def cluster(made: tuple[Workplace, Contents]) -> Iterator[Cluster]:
    """A scheduler without a worker yet."""
    started = Cluster(made[0])
    yield started
    started.stop()


def finish(place: Workplace, process: Process) -> None:
    wait_until(lambda: process.poll() is not None, BUSY_SECONDS)
    assert process.returncode == 0, place.output()


def lose_worker_when(cluster: Cluster, repro: Process, condition: Callable[[], object]) -> None:
    wait_until(lambda: condition() or repro.poll() is not None, BUSY_SECONDS)
    assert repro.poll() is None
    cluster.lose_worker()


def test_the_commands_of_the_docs_write_the_same_bytes_though_workers_are_lost(
    place: Workplace, cluster: Cluster, made: tuple[Workplace, Contents]
) -> None:
    place.hold.touch()
    workers, repro = cluster.type(place, WORKERS, cores=2), cluster.type(place, REPRO)
    try:
        lose_worker_when(cluster, repro, lambda: len(place.held()) >= 15)
        assert len(place.held()) < MUSIC_TRACKS
        place.hold.unlink()
        lose_worker_when(cluster, repro, lambda: any(place.cache.glob("folds/*/*")))
        finish(place, repro)
        written = place.contents()
        assert "data/report/index.html" in written
        assert {name for name in written if name.endswith(".keras")} == {
            f"data/models/fold-{fold}.keras" for fold in range(FOLDS)
        }
        assert written.keys() == made[1].keys()
        changed = {name for name in written if written[name] != made[1][name]}
        assert changed <= DATED
        compare_with_another_vote(place, cluster)
    finally:
        kill_group(workers)
        kill_group(repro)


def compare_with_another_vote(place: Workplace, cluster: Cluster) -> None:
    """Evaluate again, and draw a page of what is made and what was made before."""
    place.run("git", "add", "dvc.yaml", "dvc.lock", "params.yaml", "metrics")
    place.run("git", "commit", "-qm", "first")
    write_params(place.folder, PARAMS | {"evaluate.vote": "product"})
    place.run(*EVALUATE, PIPELINE_SCHEDULER=cluster.address)
    page = place.folder / "page.html"
    place.run(*COMPARE, page.name, PIPELINE_SCHEDULER=cluster.address)
    assert "data:audio" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("none", "a worker cannot load the code of this project"),
        ("other", "error: a worker runs other code or libraries than this process"),
    ],
)
def test_workers_that_lack_the_code_are_refused(
    place: Workplace, cluster: Cluster, tmp_path: Path, code: str, message: str
) -> None:
    other = Workplace(tmp_path / "other")
    if code == "none":
        other.folder = other.folder / "music"
    else:
        with (other.folder / "pipeline" / "audio" / "clips.py").open("a") as file:
            file.write("CHANGED = True\n")
    workers = cluster.type(other, WORKERS)
    try:
        output = place.run(*SEGMENT, status=2, PIPELINE_SCHEDULER=cluster.address)
    finally:
        kill_group(workers)
    assert "Traceback" not in output
    [line] = [line for line in output.splitlines() if line.startswith("error: ")]
    assert message in line
    assert place.held() == set()
    assert not (place.folder / "data" / "clips").exists()
