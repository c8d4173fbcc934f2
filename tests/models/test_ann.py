"""The layers of the fully connected network."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from documents import base_document

from models.ann import AnnParams, build
from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.check import parse_models

PARAMS = parse_models(base_document()["models"])["ann"]
PICTURE = (16, 24, 3)
GENRES = 5


def ann(**changes: Any) -> Any:
    assert isinstance(PARAMS, AnnParams)
    return build(PICTURE, GENRES, replace(PARAMS, **changes))


def layers(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def predict(model: Any, training: bool = False) -> Array:
    rows = np.random.default_rng(0).normal(size=(4, *PICTURE)).astype(np.float32)
    array: Array = keras.ops.convert_to_numpy(model(rows, training=training))
    return array


def test_ann_is_four_hidden_layers_and_a_softmax() -> None:
    model = ann()
    assert layers(model) == ["Flatten", *["Dense"] * 5]
    assert [layer.units for layer in model.layers[1:]] == [512, 256, 128, 64, GENRES]
    names = [layer.activation.__name__ for layer in model.layers[1:]]
    assert names == ["relu"] * 4 + ["softmax"]
    assert model.output_shape == (None, GENRES)


def test_ann_drops_out_after_each_hidden_layer_where_dropout_is_not_0() -> None:
    model = ann(dropout=0.3)
    assert layers(model) == ["Flatten", *["Dense", "Dropout"] * 4, "Dense"]
    assert {layer.rate for layer in model.layers if hasattr(layer, "rate")} == {0.3}
    assert not np.array_equal(predict(model, training=True), predict(model, training=True))
    np.testing.assert_array_equal(predict(model), predict(model))


def test_ann_without_dropout_predicts_the_same_in_training() -> None:
    model = ann()
    np.testing.assert_array_equal(predict(model, training=True), predict(model))


def test_ann_penalises_the_squares_of_its_hidden_weights() -> None:
    model = ann(l2=0.01)
    hidden = model.get_weights()[:-2:2]
    expected = 0.01 * sum(float((kernel.astype(np.float64) ** 2).sum()) for kernel in hidden)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert ann().losses == []
