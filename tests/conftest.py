"""Fixtures that more than one module of tests uses."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import hypothesis
import pytest
from documents import write_params

# A busy machine may take its time over an example: no test measures any.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


TESTS = Path(__file__).parent
# What starts processes, trains networks or runs the pipeline: `make quick` leaves it out.
SLOW = (
    "base/test_parallel.py",
    "models/",
    "store/test_build.py",
    "test_ablate.py",
    "test_backends.py",
    "test_cluster.py",
    "test_commands.py",
    "test_crash.py",
    "test_dag.py",
    "test_edits.py",
    "test_evaluate.py",
    "test_predict.py",
    "test_protocols.py",
    "test_train.py",
    "training/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, by its file."""
    for item in items:
        if item.path.relative_to(TESTS).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own, so that none is served what another run computed."""
    with mock.patch.dict(os.environ, PIPELINE_CACHE=str(tmp_path_factory.mktemp("cache"))):
        yield


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command line without arguments, so that no stage reads those of pytest."""
    monkeypatch.setattr("sys.argv", ["stage"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a run: params.yaml with dataset.path = "music", a new folder."""
    write_params(tmp_path, {"dataset.path": "music"})
    (tmp_path / "music").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def _augmented_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from helpers import augmented_project  # it takes seconds: Keras

    path = tmp_path_factory.mktemp("augmented")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        augmented_project()
    return path


@pytest.fixture
def augmented(_augmented_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a run: the small project with its samples."""
    path = tmp_path / "augmented"
    shutil.copytree(_augmented_once, path)
    monkeypatch.chdir(path)
    return path
