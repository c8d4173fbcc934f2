"""A training that was killed continues from its checkpoint, to the same weights."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import saves_models
from toys import fit, toy_task

from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.training import checkpoint
from pipeline.training.fit import FoldTask
from pipeline.training.trained import Fitted

pytestmark = saves_models

KILLED = 2  # epochs that are done when a training is killed


@pytest.fixture(autouse=True)
def _save_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)


def train_and_kill(task: FoldTask, path: Path) -> tuple[Fitted, Path]:
    """The whole training, and the checkpoint that it would have left in epoch `KILLED`."""
    left = path.with_name(f"killed-{path.name}")

    def keep_a_copy(epoch: int, _: object) -> None:
        if epoch == KILLED:
            left.write_bytes(path.read_bytes())

    return fit(task, path, keras.callbacks.LambdaCallback(on_epoch_begin=keep_a_copy)), left


def require_same(fitted: Fitted, expected: Fitted) -> None:
    assert fitted.history == expected.history
    pairs = zip(fitted.model.get_weights(), expected.model.get_weights(), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)


def state_of(path: Path) -> dict[str, Array]:
    """Everything in a checkpoint but the time."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    state = json.loads(str(arrays.pop("state")))
    return {**arrays, "state": {name: value for name, value in state.items() if name != "seconds"}}


def four_epochs(precision: str = "float32", **changes: Any) -> FoldTask:
    """A task; with patience, labels in validation are wrong: the longer it trains, the worse."""
    task = toy_task({"seed": 7, "precision": precision}, epochs=4, **changes)
    if "patience" in changes:
        task.labels[task.validation] = 1 - task.labels[task.validation]
    return task


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "dropout": 0.3},
        {"optimizer": "sgd", "momentum": 0.9, "dropout": 0.3},
        {"optimizer": "adam", "schedule": "cosine", "warmup": 0.2},
        {"optimizer": "sgd", "learning_rate": 0.001, "patience": 2},
    ],
    ids=["adam", "sgd", "cosine", "stopping"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_killed_training_continues_to_the_same_weights(
    tmp_path: Path, changes: dict[str, Any], precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    task = four_epochs(precision, **changes)
    whole, left = train_and_kill(task, tmp_path / "whole.npz")
    assert len(whole.history) == (3 if "patience" in changes else 4)
    assert len(state_of(left)["state"]["history"]) == KILLED
    capsys.readouterr()
    require_same(fit(task, left), whole)
    assert capsys.readouterr().out == f"fold 0: continues after epoch {KILLED}\n"
    # What it leaves is what the whole training leaves, so it can be killed again.
    again, expected = state_of(left), state_of(tmp_path / "whole.npz")
    assert again.pop("state") == expected.pop("state")
    assert again.keys() == expected.keys()
    assert all(np.array_equal(again[name], expected[name]) for name in again)


@pytest.mark.parametrize("changes", [{}, {"patience": 2, "learning_rate": 0.001}])
def test_training_that_was_killed_after_its_last_epoch_is_not_continued(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    task = four_epochs(optimizer="sgd", **changes)
    whole = fit(task, tmp_path / "x.npz")
    assert len(whole.history) == (3 if changes else 4)
    untouched = keras.callbacks.LambdaCallback(on_train_begin=lambda _: pytest.fail("it trains"))
    require_same(fit(task, tmp_path / "x.npz", untouched), whole)


def test_inline_augmentation_continues_with_its_epoch(tmp_path: Path) -> None:
    changed: list[int] = []

    def transform(rows: Array, numbers: Array, epoch: int) -> Array:
        changed.extend(epoch for _ in numbers)
        return rows * np.float16(1 + epoch / 8)

    task = replace(toy_task(epochs=4), transform=transform)
    whole, left = train_and_kill(task, tmp_path / "x.npz")
    changed.clear()
    require_same(fit(task, left), whole)
    epochs = Counter(changed)
    assert (epochs[2], epochs[3]) == (40, 40)
    assert epochs[0] < 40  # Keras draws two batches in advance
    assert epochs[1] == 0


def test_damaged_checkpoint_counts_as_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, path = toy_task(epochs=1), tmp_path / "x.npz"
    whole = fit(task, path)
    content = path.read_bytes()
    for share in (0.0, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        require_same(fit(task, path), whole)
    assert "continues" not in capsys.readouterr().out


def test_seconds_are_those_of_both_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    path = tmp_path / "x.npz"
    _, left = train_and_kill(toy_task(epochs=KILLED + 1), path)
    with np.load(left) as archive:
        before = json.loads(str(archive["state"]))["seconds"]
    assert fit(toy_task(epochs=KILLED + 1), left).seconds > before > 100


def test_nothing_is_saved_within_seconds_of_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 1e6)
    fit(toy_task(epochs=1), tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()
