"""Newton's method, beside scikit-learn's solver and Keras' own losses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import base_document
from helpers import describe, saves_models
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from toys import fit

from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.training import checkpoint, newton
from pipeline.training.fit import FoldTask
from pipeline.training.network import read_network
from pipeline.training.trained import Fitted, probabilities

pytestmark = saves_models

TRAINED, VALIDATED, VALUES, GENRES, EPOCHS = 200, 50, 12, 3, 8


def task_of(**changes: Any) -> FoldTask:
    """Vectors whose values hang together, of genres that overlap, and `changes` of parameters."""
    rng = np.random.default_rng(0)
    labels = rng.integers(GENRES, size=TRAINED + VALIDATED)
    own = rng.normal(size=(GENRES, VALUES))[labels] + 2 * rng.normal(size=(len(labels), VALUES))
    rows = (own @ rng.normal(size=(VALUES, VALUES)) + 5).astype(np.float32)
    common: dict[str, Any] = {"optimizer": "newton", "learning_rate": 0.0, "dropout": 0.0}
    common |= {"epochs": EPOCHS, "batch_size": 64, "patience": 0, "l2": 0.01}
    params = replace(read_network("linear", base_document()), **(common | changes))
    description = replace(
        describe(model="linear", training={"seed": 1, "precision": "float32"}),
        genres=[str(genre) for genre in range(GENRES)],
        store={"vector": True},
    )
    parts = np.arange(TRAINED), np.arange(TRAINED, len(labels))
    return FoldTask(rows, labels, *parts, params, description)


def require_same(found: Fitted, expected: Fitted) -> None:
    assert found.history == expected.history
    assert all(map(np.array_equal, found.model.get_weights(), expected.model.get_weights()))


def uneven(task: FoldTask) -> FoldTask:
    """Half as many rows of the second genre, and a third of the third."""
    labels = task.labels[task.train]
    return replace(task, train=task.train[np.arange(TRAINED) % (labels + 1) == 0])


@pytest.mark.parametrize(("l2", "balanced"), [(0.1, False), (0.001, False), (0.1, True)])
def test_weights_are_those_that_scikit_learn_finds(
    l2: float, balanced: bool, tmp_path: Path
) -> None:
    task = task_of(l2=l2, epochs=20)
    task = replace(uneven(task), balanced=True) if balanced else task
    kernel, bias = fit(task, tmp_path / "x.npz").model.get_weights()
    rows = np.asarray(task.rows)[task.train]
    weights = {"class_weight": "balanced" if balanced else None}
    plain = LogisticRegression(C=1 / (2 * len(task.train) * l2), tol=1e-8, max_iter=1000, **weights)
    plain.fit(StandardScaler().fit_transform(rows), task.labels[task.train])
    np.testing.assert_allclose(kernel, plain.coef_.T, atol=1e-3)
    np.testing.assert_allclose(bias - bias.mean(), plain.intercept_, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "newton"])
@pytest.mark.parametrize("balanced", [False, True])
def test_every_optimizer_lets_genres_count_alike(
    optimizer: str, balanced: bool, tmp_path: Path
) -> None:
    """Of rows that tell nothing, it learns how often each genre counts."""
    rate = 0.1 if optimizer == "adam" else 0.0
    task = task_of(optimizer=optimizer, learning_rate=rate, epochs=20)
    task = replace(uneven(task), rows=np.zeros_like(task.rows), balanced=balanced)
    found = probabilities(fit(task, tmp_path / "x.npz").model, np.zeros((1, VALUES)))[0]
    shares = np.bincount(task.labels[task.train]) / len(task.train)
    assert found == pytest.approx(np.full(GENRES, 1 / GENRES) if balanced else shares, abs=0.02)


@pytest.mark.parametrize("balanced", [False, True])
def test_curves_are_what_keras_measures(balanced: bool, tmp_path: Path) -> None:
    task = replace(uneven(task_of(epochs=2)), balanced=balanced)
    fitted = fit(task, tmp_path / "x.npz")
    fitted.model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    for part, prefix in ((task.train, ""), (task.validation, "val_")):
        rows, labels = task.rows[part], task.labels[part]
        weights = compute_sample_weight("balanced" if balanced and not prefix else None, labels)
        expected = fitted.model.evaluate(rows, labels, sample_weight=weights, verbose=0)
        found = [fitted.history[-1][f"{prefix}{name}"] for name in ("loss", "accuracy")]
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("changing", [False, True])
def test_killed_training_continues_to_the_same_weights(
    patience: int, changing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)
    task = task_of(patience=patience)
    if patience:
        task.labels[task.validation] = (task.labels[task.validation] + 1) % GENRES
    if changing:
        task = replace(task, transform=lambda rows, _, epoch: rows * np.float32(1 + epoch / 8))
    path, left = tmp_path / "whole.npz", tmp_path / "killed.npz"

    def keep_a_copy(epoch: int, _: object) -> None:
        if epoch == 1:
            left.write_bytes(path.read_bytes())

    whole = fit(task, path, keras.callbacks.LambdaCallback(on_epoch_begin=keep_a_copy))
    assert (len(whole.history) < EPOCHS) is bool(patience)
    require_same(fit(task, left), whole)


@pytest.mark.parametrize("kept", [0, 64 * 4 * VALUES, 1 << 29], ids=["none", "a part", "all"])
def test_rows_that_do_not_fit_in_memory_are_read_in_every_pass(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def transform(rows: Array, numbers: Array, epoch: int) -> Array:
        seen.extend(epoch for _ in numbers)
        return rows * np.float32(1 + epoch / 8)

    task = replace(task_of(epochs=3), transform=transform)
    expected = fit(task, tmp_path / "expected.npz")
    seen.clear()
    monkeypatch.setattr(newton, "IN_MEMORY", kept)
    require_same(fit(task, tmp_path / "x.npz"), expected)
    passes = [seen.count(epoch) / TRAINED for epoch in range(3)]
    assert passes == [1, 1, 1] if kept == 1 << 29 else min(passes) >= 4
