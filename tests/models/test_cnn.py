"""The layers of the course report's network, and the pictures that it takes."""

from dataclasses import replace
from typing import Any

import pytest
from documents import base_document

from models.cnn import CnnParams, build
from pipeline.check import parse_models

FOUND = parse_models(base_document()["models"])["cnn"]
assert isinstance(FOUND, CnnParams)
PARAMS = replace(FOUND, filters=(64, 128, 256), kernel=7, batch_norm_momentum=0.99, dropout=0.5)
GENRES = 10


def as_the_report_has_it(shape: tuple[int, ...]) -> Any:
    """Its listing, written in Keras 3."""
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


@pytest.mark.parametrize("shape", [(64, 65, 1), (128, 130, 3)])
def test_it_is_the_reports_network_layer_by_layer(shape: tuple[int, ...]) -> None:
    ours, theirs = build(shape, GENRES, PARAMS), as_the_report_has_it(shape)
    assert described(ours) == described(theirs)
    assert [layer.output.shape for layer in ours.layers] == [
        layer.output.shape for layer in theirs.layers
    ]


@pytest.mark.parametrize(
    ("shape", "left"), [((64, 65, 1), (2, 2)), ((128, 130, 1), (10, 11)), ((50, 50, 1), (1, 1))]
)
def test_what_is_left_of_a_picture(shape: tuple[int, ...], left: tuple[int, int]) -> None:
    assert PARAMS.reason_against(shape) == ""
    pooled = [layer for layer in build(shape, GENRES, PARAMS).layers if "Pool" in str(type(layer))]
    assert pooled[-1].output.shape == (None, *left, 256)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((64, 22, 1), "needs pictures of at least 50 x 50, not 64 x 22"),
        ((49, 65, 1), "needs pictures of at least 50 x 50, not 49 x 65"),
        ((22,), "needs pictures, not rows of shape (22,)"),
    ],
)
def test_what_is_too_small_is_refused(shape: tuple[int, ...], reason: str) -> None:
    assert PARAMS.reason_against(shape) == reason


def test_the_least_size_depends_on_the_blocks() -> None:
    assert PARAMS.least_size == 50
    assert replace(PARAMS, kernel=3).least_size == 22
    assert replace(PARAMS, kernel=1, filters=(4, 4)).least_size == 4


def test_a_convolution_with_bias_is_trained_in_float32_on_a_processor() -> None:
    assert PARAMS.needs_float32
