"""The layer of the logistic regression, its penalty and its dropout."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from documents import base_document

from models.linear import LinearParams, build
from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.check import parse_models

PARAMS = parse_models(base_document()["models"])["linear"]
VALUES = 200
GENRES = 5


def linear(shape: tuple[int, ...] = (VALUES,), **changes: Any) -> Any:
    assert isinstance(PARAMS, LinearParams)
    return build(shape, GENRES, replace(PARAMS, **{"dropout": 0.0, "l2": 0.0, **changes}))


def layers(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def predict(model: Any, rows: Array, training: bool = False) -> Array:
    array: Array = keras.ops.convert_to_numpy(model(rows, training=training))
    return array


def test_linear_is_one_dense_layer_with_a_softmax() -> None:
    model = linear(shape=(4, 5, 3))
    assert layers(model) == ["Flatten", "Dense"]
    assert model.output_shape == (None, GENRES)
    rows = np.random.default_rng(0).normal(size=(6, 4, 5, 3)).astype(np.float32)
    kernel, bias = model.get_weights()
    powers = np.exp(rows.reshape(6, -1).astype(np.float64) @ kernel + bias)
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(model, rows), expected, rtol=1e-4)


def test_linear_penalises_the_squares_of_its_weights() -> None:
    model = linear(l2=0.03)
    kernel, _ = model.get_weights()
    expected = 0.03 * float((kernel.astype(np.float64) ** 2).sum())
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert linear().losses == []


def test_linear_drops_out_inputs_in_training_alone() -> None:
    model = linear(dropout=0.5)
    assert layers(model) == ["Flatten", "Dropout", "Dense"]
    # With these weights each output is one of the inputs: 0 where it is dropped, and else doubled.
    model.layers[-1].activation = keras.activations.linear
    chosen = np.zeros((VALUES, GENRES), np.float32)
    chosen[np.arange(GENRES), np.arange(GENRES)] = 1
    model.set_weights([chosen, np.zeros(GENRES, np.float32)])
    rows = np.ones((100, VALUES), np.float32)
    found = predict(model, rows, training=True)
    assert set(np.unique(found)) == {0.0, 2.0}
    assert not (found == found[:, :1]).all()
    np.testing.assert_array_equal(predict(model, rows), np.ones((100, GENRES), np.float32))


def test_linear_without_dropout_predicts_the_same_in_training() -> None:
    model = linear()
    rows = np.random.default_rng(0).normal(size=(4, VALUES)).astype(np.float32)
    np.testing.assert_array_equal(predict(model, rows, training=True), predict(model, rows))
