"""Fixtures that more than one module of tests uses."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import hypothesis
import pytest
from documents import write_params
from repository import FIGURES

from pipeline.base.files import SPLIT, write_json
from pipeline.folds.table import folds_digest

# A busy machine may take its time over an example: no test measures any. A commit passes or fails
# whoever runs it, so the examples are the same every time; `make fuzz` draws new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same")

TESTS = Path(__file__).parent
# What starts stages or other programs of Python, trains networks, or makes many files: `make quick`
# leaves it out. The files that take longest come first, so that no processor waits for the last.
SLOW = (
    "test_dag.py",
    "test_cluster.py",
    "test_backends.py",
    "base/test_compilation.py",
    "test_going_back.py",
    "test_development.py",
    "test_crash.py",
    "test_predict.py",
    "trials/test_inspection.py",
    "test_ablate.py",
    "test_protocols.py",
    "augmentation/test_offline.py",
    "augmentation/test_sheet.py",
    "base/test_backend.py",
    "base/test_cluster.py",
    "base/test_parallel.py",
    "fuzz/",
    "models/",
    "pages/test_browser.py",
    "pages/test_comparison_page.py",
    "pages/test_report_page.py",
    "pages/test_track_list.py",
    "prediction/test_classifier.py",
    "prediction/test_saved.py",
    "runs/test_revisions.py",
    "store/test_build.py",
    "store/test_pruning.py",
    "test_augment.py",
    "test_combine.py",
    "test_commands.py",
    "test_edits.py",
    "test_evaluate.py",
    "test_export.py",
    "test_extract.py",
    "test_plots.py",
    "test_replay.py",
    "test_report.py",
    "test_robustness.py",
    "test_train.py",
    "training/test_augmented.py",
    "training/test_checkpoint.py",
    "training/test_cross_validation.py",
    "training/test_fitting.py",
    "training/test_fold_addresses.py",
    "training/test_newton.py",
    "training/test_watching.py",
)


def pytest_configure() -> None:
    """Refuse a name in SLOW that has moved, as its tests would be in `make quick` unseen."""
    # What a test starts can be interrupted, though a shell ignores that in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = [name for name in SLOW if not (TESTS / name).exists()]
    if missing:
        raise pytest.UsageError(f"tests/conftest.py: SLOW names {missing}, which are not there")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, by its file, and have it run first, in the order of SLOW."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(TESTS).as_posix()
        return next((n for n, name in enumerate(SLOW) if path.startswith(name)), len(SLOW))

    for item in items:
        if place(item) < len(SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=place)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own, so that none is served what another run computed."""
    with mock.patch.dict(os.environ, PIPELINE_CACHE=str(tmp_path_factory.mktemp("cache"))):
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_flushing() -> Iterator[None]:
    """Nobody cuts the power of a test, and waiting for the disk is half of writing a store."""
    with mock.patch("os.fsync"):
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


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project that was trained in this process for six epochs, and evaluated.

    `evaluate.txt` is what the stage printed.
    """
    from helpers import run_main, train_quickly, write_project

    from pipeline import evaluate, train

    folder = tmp_path_factory.mktemp("evaluated")
    write_project(folder, {"models.ann.epochs": 6})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_quickly(patch)
        write_json(SPLIT, {**FIGURES, "tracks": 12, "folds_digest": folds_digest()})
        run_main(train.main)
        with Path("evaluate.txt").open("w") as file, redirect_stdout(file):
            run_main(evaluate.main)
    return folder
