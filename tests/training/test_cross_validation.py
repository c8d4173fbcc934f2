"""Folds are trained once, each on its device, and what fails is reported as what it is."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import saves_models
from toys import toy_task

from pipeline.base.backend import machine_facts
from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.prediction.ensemble import load_model
from pipeline.store.cache import Cache
from pipeline.training import checkpoint, cross_validation
from pipeline.training import trained as record
from pipeline.training.cross_validation import FOLDS, code_of, train_fold, train_folds
from pipeline.training.fit import HISTORY, FoldTask
from pipeline.training.trained import MODEL, RECORD, Fitted, read_record

pytestmark = saves_models


def train(task: FoldTask, cache: Path) -> Path:
    return train_fold(task, Cache(cache), code_of(task))


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The folds that are trained from here on, and only in appearance."""
    found: list[int] = []

    def fit(task: FoldTask, *_: object) -> Fitted:
        found.append(task.description.fold)
        return Fitted(None, [dict.fromkeys(HISTORY, 0.5)], 1.0)

    monkeypatch.setattr(cross_validation, "fit_fold", fit)
    monkeypatch.setattr(record, "save_model", lambda path, *_: path.touch())
    return found


def test_fold_has_its_model_and_a_record_of_what_trained_it(tmp_path: Path) -> None:
    task = toy_task(epochs=1)
    folder = train(task, tmp_path)
    assert folder.parent == tmp_path / FOLDS
    assert sorted(path.name for path in folder.iterdir()) == [MODEL, RECORD]
    kept = read_record(folder)
    assert kept.machine == machine_facts("float32")
    assert [tuple(row) for row in kept.history] == [HISTORY]
    assert kept.seconds >= 0
    _, description = load_model(folder / MODEL)
    assert description.training == {"seed": 7, **kept.machine}


def test_fold_that_was_trained_before_is_taken_from_the_cache(
    tmp_path: Path, fitted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(toy_task(), tmp_path)
    assert "taken from the cache" not in capsys.readouterr().out
    assert train(toy_task(), tmp_path) == first
    assert capsys.readouterr().out == "fold 0: trained before, taken from the cache\n"
    assert train(toy_task(dropout=0.1), tmp_path) != first
    assert fitted == [0, 0]


@pytest.mark.parametrize("name", [MODEL, RECORD])
def test_a_damaged_fold_is_trained_again(tmp_path: Path, fitted: list[int], name: str) -> None:
    folder = train(toy_task(), tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).chmod(0o644)
    (folder / name).write_bytes(whole.replace(b"0.5", b"0.6") or b"x")
    again = train(toy_task(), tmp_path)
    assert again != folder  # which another process may be about to link
    assert (again / name).read_bytes() == whole
    assert train(toy_task(), tmp_path) == again
    assert fitted == [0, 0]


@pytest.mark.usefixtures("fitted")
def test_what_another_process_trained_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found a fold that is damaged."""
    damaged = train(toy_task(), tmp_path) / RECORD
    damaged.chmod(0o644)
    damaged.write_bytes(b"")
    fit, faster = vars(cross_validation)["fit_fold"], []

    def fit_slowly(task: FoldTask, *_: Any) -> Fitted:
        monkeypatch.setattr(cross_validation, "fit_fold", fit)
        monkeypatch.setattr(cross_validation, "ONE_AT_A_TIME", nullcontext())
        faster.append(train(task, tmp_path))
        return Fitted(None, [], 2.0)

    monkeypatch.setattr(cross_validation, "fit_fold", fit_slowly)
    assert train(toy_task(), tmp_path) == faster[0]
    assert read_record(faster[0]).seconds == 1.0


def test_worker_with_other_code_is_refused(tmp_path: Path, fitted: list[int]) -> None:
    with pytest.raises(PipelineError, match=r"^a worker runs other code or libraries, or another"):
        train_fold(toy_task(), Cache(tmp_path), "other")
    assert fitted == []
    assert not (tmp_path / FOLDS).exists()


def test_code_of_a_fold_is_sent_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def remember(task: FoldTask, _: Cache, code: str, __: Path | None) -> Path:
        sent.append((task, code))
        return Path()

    monkeypatch.setattr(cross_validation, "train_fold", remember)
    monkeypatch.setattr(cross_validation, "map_folds", lambda f, calls: [f(each) for each in calls])
    tasks = [toy_task(), toy_task()]
    train_folds(tasks)
    assert [(id(task), code) for task, code in sent] == [(id(t), code_of(t)) for t in tasks]


def test_fold_trains_on_its_device_after_the_session_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    @contextmanager
    def device_for(fold: int) -> Iterator[None]:
        called.append(("device", fold))
        yield
        called.append("left")

    def fit(*_: object) -> Fitted:
        called.append("fitted")
        return Fitted(None, [], 1.0)

    def write(_: Fitted, __: object, folder: Path) -> None:
        called.append("written")
        (folder / MODEL).touch()

    monkeypatch.setattr("keras.utils.clear_session", lambda: called.append("cleared"))
    monkeypatch.setattr(cross_validation, "device_for", device_for)
    monkeypatch.setattr(cross_validation, "fit_fold", fit)
    monkeypatch.setattr(cross_validation, "write_fold", write)
    train(toy_task(), tmp_path)
    assert called == ["cleared", ("device", 0), "fitted", "written", "left"]


def test_killed_fold_continues_and_its_checkpoint_goes_when_it_is_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cross_validation, "write_fold", killed)
        with pytest.raises(KeyboardInterrupt):
            train(toy_task(epochs=1), tmp_path)
    assert not list((tmp_path / FOLDS).glob("*"))
    assert list((tmp_path / "checkpoints").iterdir())
    folder = train(toy_task(epochs=1), tmp_path)
    assert "fold 0: continues after epoch 1\n" in capsys.readouterr().out
    assert not list((tmp_path / "checkpoints").iterdir())
    whole = train(toy_task(epochs=1), tmp_path / "other cache")
    assert (folder / MODEL).read_bytes() == (whole / MODEL).read_bytes()


def test_input_that_cannot_be_read_is_not_reported_as_the_cache(tmp_path: Path) -> None:
    class Unreadable:
        shape = (60, 11)

        def __getitem__(self, index: Array) -> Array:
            raise OSError(errno.EIO, "Input/output error", "data/features/shard-00.h5")

    with pytest.raises(OSError, match=r"Input/output error: 'data/features/shard-00\.h5'"):
        train(replace(toy_task(), rows=Unreadable()), tmp_path)


@pytest.mark.usefixtures("fitted")
def test_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "folds").write_text("no folder can be made here")
    with pytest.raises(PipelineError, match=rf"^the cache {tmp_path} cannot be written: "):
        train(toy_task(), tmp_path)
