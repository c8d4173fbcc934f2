"""The layers of each network, and the rows that it takes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from documents import base_document

from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.check import parse_models
from pipeline.training.network import FitParams, build_network

GENRES = 5
CHANGES: dict[str, dict[str, Any]] = {
    "ann": {"dropout": 0.0},
    "linear": {"dropout": 0.0, "l2": 0.0},
    "cnn": {
        "filters": (64, 128, 256),
        "kernel": 7,
        "batch_norm_momentum": 0.99,
        "dropout": 0.5,
    },
    "cnn_padded": {},
    "shortchunk": {"filters": (4, 6, 8), "dropout": 0.3},
}
_ALL: dict[str, Any] = parse_models(base_document())
PARAMS = {name: replace(_ALL[name], **changes) for name, changes in CHANGES.items()}
PICTURE = (16, 24, 3)


def network(name: str, shape: tuple[int, ...] = PICTURE, **changes: Any) -> Any:
    params: FitParams = replace(PARAMS[name], **changes)
    return build_network(name, shape, GENRES, params)


def layers(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def of_class(model: Any, name: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == name]


def predict(model: Any, rows: Array, training: bool = False) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(model(rows, training=training)))


def test_ann_is_four_hidden_layers_and_a_softmax() -> None:
    model = network("ann")
    assert layers(model) == ["Flatten", *["Dense"] * 5]
    assert [(layer.units, layer.activation.__name__) for layer in model.layers[1:]] == [
        *((units, "relu") for units in (512, 256, 128, 64)),
        (GENRES, "softmax"),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ann", ["Flatten", *["Dense", "Dropout"] * 4, "Dense"]),
        ("linear", ["Flatten", "Dropout", "Dense"]),
    ],
)
def test_dropout_is_where_it_is_not_0_and_acts_in_training_alone(
    name: str, expected: list[str]
) -> None:
    rows = np.random.default_rng(0).normal(size=(4, *PICTURE)).astype(np.float32)
    model = network(name, dropout=0.3)
    assert layers(model) == expected
    assert {layer.rate for layer in of_class(model, "Dropout")} == {0.3}
    assert not np.array_equal(predict(model, rows, True), predict(model, rows, True))
    np.testing.assert_array_equal(predict(model, rows), predict(model, rows))


@pytest.mark.parametrize(("name", "penalised"), [("ann", slice(0, -2, 2)), ("linear", slice(1))])
def test_the_squares_of_the_weights_are_penalised(name: str, penalised: slice) -> None:
    """Of the `ann`, those of the hidden layers."""
    model = network(name, l2=0.01)
    kernels = model.get_weights()[penalised]
    expected = 0.01 * sum(float((kernel.astype(np.float64) ** 2).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert network(name, l2=0.0).losses == []


def test_linear_is_one_dense_layer_with_a_softmax() -> None:
    model = network("linear", (4, 5, 3))
    assert layers(model) == ["Flatten", "Dense"]
    rows = np.random.default_rng(0).normal(size=(6, 4, 5, 3)).astype(np.float32)
    kernel, bias = model.get_weights()
    powers = np.exp(rows.reshape(6, -1).astype(np.float64) @ kernel + bias)
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(model, rows), expected, rtol=1e-4)


def as_the_report_has_it(shape: tuple[int, ...]) -> Any:
    """The listing of the course report, written in Keras 3."""
    from keras import Input, Sequential
    from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

    model = Sequential([Input(shape), BatchNormalization()])
    for filters in (64, 128, 256):
        model.add(Conv2D(filters, (7, 7), activation="relu", strides=(1, 1)))
        model.add(MaxPooling2D((2, 2)))
        model.add(BatchNormalization())
    model.add(Flatten())
    model.add(Dense(32, activation="relu"))
    model.add(BatchNormalization())
    model.add(Dropout(0.5))
    model.add(Dense(GENRES, activation="softmax"))
    return model


def described(model: Any) -> list[tuple[str, dict[str, Any]]]:
    """Class and whole configuration of every layer, without names and precision."""
    return [
        (
            type(layer).__name__,
            {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")},
        )
        for layer in model.layers
    ]


@pytest.mark.parametrize(
    ("shape", "left"), [((64, 65, 1), (2, 2)), ((128, 130, 3), (10, 11)), ((50, 50, 1), (1, 1))]
)
def test_cnn_is_the_reports_network_layer_by_layer(
    shape: tuple[int, ...], left: tuple[int, int]
) -> None:
    ours, theirs = network("cnn", shape), as_the_report_has_it(shape)
    assert described(ours) == described(theirs)
    assert of_class(ours, "MaxPooling2D")[-1].output.shape == (None, *left, 256)


def test_cnn_has_convolutions_with_a_bias_which_are_trained_in_float32_on_a_processor() -> None:
    assert {name for name, params in PARAMS.items() if params.needs_float32} == {"cnn"}


def test_cnn_padded_is_three_blocks_and_a_hidden_layer() -> None:
    model = network("cnn_padded", batch_norm_momentum=0.75, dropout=0.2)
    block = ["Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU"]
    assert layers(model) == [
        "BatchNormalization",
        *block * 3,
        *["Flatten", "Dense", "BatchNormalization", "ReLU", "Dropout", "Dense"],
    ]
    convolutions = of_class(model, "Conv2D")
    assert [layer.filters for layer in convolutions] == [64, 128, 256]
    assert {
        (layer.kernel_size, layer.padding, layer.activation.__name__, layer.use_bias)
        for layer in convolutions
    } == {((7, 7), "same", "linear", False)}
    pools = of_class(model, "MaxPooling2D")
    assert {layer.pool_size for layer in pools} == {(2, 2)}
    assert pools[-1].output.shape == (None, 2, 3, 256)
    hidden, _, _, dropout, last = model.layers[-5:]
    assert (hidden.units, hidden.activation.__name__, hidden.use_bias) == (32, "linear", False)
    assert dropout.rate == 0.2
    assert (last.units, last.activation.__name__) == (GENRES, "softmax")
    assert [layer.momentum for layer in of_class(model, "BatchNormalization")] == [0.75] * 5


def test_shortchunk_has_blocks_of_3x3_that_halve_the_picture_in_between() -> None:
    model = network("shortchunk", (20, 13, 1))
    assert layers(model) == [
        *["Conv2D", "BatchNormalization", "ReLU"],
        *["MaxPooling2D", "Conv2D", "BatchNormalization", "ReLU"] * 2,
        *["GlobalAveragePooling2D", "Dropout", "Dense"],
    ]
    convolutions = of_class(model, "Conv2D")
    assert [layer.output.shape[1:] for layer in convolutions] == [
        (20, 13, 4),
        (10, 6, 6),
        (5, 3, 8),
    ]
    assert {(layer.kernel_size, layer.use_bias) for layer in convolutions} == {((3, 3), False)}
    assert model.layers[-2].rate == 0.3


@pytest.mark.parametrize(
    ("name", "changes", "least"),
    [
        ("cnn", {}, 50),
        ("cnn", {"kernel": 3}, 22),
        ("cnn", {"kernel": 1, "filters": (4, 4)}, 4),
        ("cnn_padded", {}, 8),
        ("cnn_padded", {"filters": (4, 4, 4, 4)}, 16),
        ("shortchunk", {}, 4),
    ],
)
def test_the_smallest_picture_depends_on_the_blocks(
    name: str, changes: dict[str, Any], least: int
) -> None:
    params = replace(PARAMS[name], **changes)
    assert params.least_size == least
    assert params.reason_against((least, least, 1)) == ""
    assert network(name, (least, least, 1), **changes).output_shape == (None, GENRES)
    reason = f"needs pictures of at least {least} x {least}, not"
    assert params.reason_against((least - 1, 99, 1)) == f"{reason} {least - 1} x 99"
    assert params.reason_against((99, least - 1, 1)) == f"{reason} 99 x {least - 1}"
    assert params.reason_against((99,)) == "needs pictures, not rows of shape (99,)"
