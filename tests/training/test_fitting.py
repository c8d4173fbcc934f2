"""Training a fold: it learns, normalises by the training part alone, and stops early."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import saves_models
from toys import fit, toy_task

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.training.fit import HISTORY, FoldTask
from pipeline.training.trained import Fitted, probabilities

pytestmark = saves_models


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a checkpoint would be."""
    return tmp_path / "checkpoint.npz"


def predict(fitted: Fitted, task: FoldTask) -> Array:
    """Probabilities of the validation part."""
    return probabilities(fitted.model, task.rows[task.validation])


def accuracy(fitted: Fitted, task: FoldTask) -> float:
    """Accuracy on the validation part."""
    found = predict(fitted, task).argmax(axis=1) == task.labels[task.validation]
    return float(found.mean())


def loss(fitted: Fitted, task: FoldTask) -> float:
    """Cross-entropy on the validation part."""
    actual = predict(fitted, task)[np.arange(len(task.validation)), task.labels[task.validation]]
    return float(-np.log(actual).mean())


def require_normalised_by(fitted: Fitted, rows: Array) -> None:
    normalise = fitted.model.get_layer("normalise")
    expected = rows.astype(np.float64)
    np.testing.assert_allclose(np.ravel(normalise.mean), expected.mean(), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(normalise.variance), expected.var(), rtol=1e-6)


def test_toy_problem_is_learned(path: Path) -> None:
    task = toy_task(epochs=5)
    fitted = fit(task, path)
    assert len(fitted.history) == 5
    assert all(tuple(row) == HISTORY for row in fitted.history)
    assert fitted.history[-1]["val_loss"] < fitted.history[0]["val_loss"]
    assert fitted.history[-1]["val_accuracy"] == pytest.approx(accuracy(fitted, task))
    assert accuracy(fitted, task) > 0.9


def augmented_task(**changes: Any) -> tuple[FoldTask, list[tuple[int, int]]]:
    """A toy task with samples far off and rows that change; (row, epoch) of all that did."""
    task, changed = toy_task(**changes), list[tuple[int, int]]()

    def transform(rows: Array, numbers: Array, epoch: int) -> Array:
        changed.extend((number, epoch) for number in numbers.tolist())
        return rows * np.float16(1 + epoch / 8)

    own = np.asarray(task.rows)
    rows = np.concatenate([own, own[task.train] + np.float16(10_000)])
    labels = np.concatenate([task.labels, task.labels[task.train]])
    samples = np.arange(60, 100)
    task = replace(task, rows=rows, labels=labels, augmented=samples, transform=transform)
    return task, changed


def test_augmentation_has_no_part_in_normalisation_and_validation(path: Path) -> None:
    task, changed = augmented_task(epochs=2)
    fitted = fit(task, path)
    trained = task.training_rows.tolist()
    assert {row for row, _ in changed} == {*trained}
    second = [row for row, epoch in changed if epoch == 1]  # Keras draws two batches in advance
    assert sorted(second) == sorted(trained)
    assert second != trained  # they are shuffled
    require_normalised_by(fitted, task.rows[task.train])
    assert loss(fitted, task) == pytest.approx(fitted.history[-1]["val_loss"], rel=1e-4)


def test_half_precision_is_for_training_alone(path: Path) -> None:
    task = toy_task({"seed": 7, "precision": "bfloat16"}, epochs=3)
    fitted = fit(task, path)
    assert {layer.compute_dtype for layer in fitted.model.layers[-1].layers} == {"float32"}
    assert accuracy(fitted, task) > 0.9


def test_early_stopping_stops_early_and_keeps_the_best(path: Path) -> None:
    task = toy_task(epochs=40, patience=2, optimizer="sgd", momentum=0.5)
    task.labels[task.validation] = 1 - task.labels[task.validation]  # so that learning is wrong
    fitted = fit(task, path)
    losses = [row["val_loss"] for row in fitted.history]
    assert len(losses) == int(np.argmin(losses)) + 1 + 2 < 40
    assert loss(fitted, task) == pytest.approx(min(losses), rel=1e-3)


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 1e30}, {"learning_rate": 1e38, "batch_size": 1000, "epochs": 1}]
)
def test_loss_that_is_not_a_number_names_the_learning_rate(
    path: Path, changes: dict[str, Any]
) -> None:
    """The loss of a single step is taken before it: a model that it spoiled is not kept either."""
    expected = r"^fold 0: the loss was not a number in epoch 1; lower models\.ann\.learning_rate = "
    with pytest.raises(PipelineError, match=expected):
        fit(toy_task(optimizer="sgd", **changes), path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_numbers_name_the_feature(path: Path, value: float) -> None:
    task = toy_task()
    np.asarray(task.rows)[3, 1] = value
    expected = r"^the feature 'centroid' has values that are infinite or not numbers;"
    with pytest.raises(PipelineError, match=expected):
        fit(task, path)


def test_training_keeps_no_reference_to_the_rows(path: Path) -> None:
    """TensorFlow keeps what it drew batches from: with the rows, every fold's files stay open."""
    task, _ = augmented_task(epochs=1)

    class Stored(np.ndarray[Any, Any]):  # unlike its base, it can be referred to weakly
        pass

    stored = np.asarray(task.rows).view(Stored)
    reference: Callable[[], Any] = weakref.ref(stored)
    fit(replace(task, rows=stored), path)
    del stored
    gc.collect()
    assert reference() is None
