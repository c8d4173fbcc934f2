"""Folds are trained once, each on its device, and what fails is reported as what it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import saves_models
from toys import toy_task, train_in_appearance

from pipeline.base.backend import machine_facts
from pipeline.base.errors import PipelineError
from pipeline.prediction.ensemble import load_model
from pipeline.store.cache import Cache
from pipeline.training import checkpoint, cross_validation
from pipeline.training.cross_validation import FOLDS, code_of, train_fold
from pipeline.training.fit import HISTORY, FoldTask
from pipeline.training.trained import (
    MODEL,
    RECORD,
    VALIDATION,
    probabilities,
    read_record,
    read_validation,
)

pytestmark = saves_models


def train(task: FoldTask, cache: Path) -> Path:
    return train_fold(task, Cache(cache), code_of(task))


def test_fold_has_its_model_what_that_predicts_and_a_record_of_its_training(tmp_path: Path) -> None:
    task = toy_task(epochs=1)
    folder = train(task, tmp_path)
    assert folder.parent == tmp_path / FOLDS
    assert sorted(path.name for path in folder.iterdir()) == [MODEL, RECORD, VALIDATION]
    kept = read_record(folder)
    assert kept.machine == machine_facts("float32")
    assert [tuple(row) for row in kept.history] == [HISTORY]
    assert kept.seconds >= 0
    model, description = load_model(folder / MODEL)
    expected = probabilities(model, task.rows[task.validation])
    np.testing.assert_allclose(read_validation(folder), expected, atol=1e-6)
    assert description.training == {"seed": 7, **kept.machine}


@pytest.mark.parametrize("name", [MODEL, RECORD, VALIDATION])
def test_a_damaged_fold_is_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fitted = train_in_appearance(monkeypatch)
    folder = train(toy_task(), tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).chmod(0o644)
    (folder / name).write_bytes(whole.replace(b"0", b"1"))
    again = train(toy_task(), tmp_path)
    assert again != folder  # which another process may be about to link
    assert (again / name).read_bytes() == whole
    assert train(toy_task(), tmp_path) == again
    assert fitted == [0, 0]


def test_worker_with_other_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"^a worker runs other code or libraries, or another"):
        train_fold(toy_task(), Cache(tmp_path), "other")
    assert not (tmp_path / FOLDS).exists()


def test_fold_trains_on_its_device_after_the_session_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    @contextmanager
    def device_for(fold: int) -> Iterator[None]:
        called.append(("device", fold))
        yield
        called.append("left")

    monkeypatch.setattr("keras.utils.clear_session", lambda **_: called.append("cleared"))
    monkeypatch.setattr(cross_validation, "device_for", device_for)
    monkeypatch.setattr(cross_validation, "fit_fold", lambda *_: called.append("fitted"))
    monkeypatch.setattr(cross_validation, "write_fold", lambda *_: called.append("written"))
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
