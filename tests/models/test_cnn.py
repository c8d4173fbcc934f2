"""The layers of the course report's network, and the pictures that it takes."""

from dataclasses import replace
from typing import Any

import pytest
from documents import base_document

from models.cnn import CnnParams, build
from pipeline.base.errors import ParamsError
from pipeline.check import parse_models

FOUND = parse_models(base_document()["models"])["cnn"]
assert isinstance(FOUND, CnnParams)
PARAMS = replace(FOUND, filters=(64, 128, 256), kernel=7, batch_norm_momentum=0.99, dropout=0.5)
GENRES = 10


def as_the_report_has_it(shape: tuple[int, ...]) -> Any:
    """Its listing, written in Keras 3."""
    from keras import Input, Sequential
    from keras.layers import (
        BatchNormalization,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        MaxPooling2D,
    )

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
    PARAMS.require_input("cnn", shape)
    pooled = [layer for layer in build(shape, GENRES, PARAMS).layers if "Pool" in str(type(layer))]
    assert pooled[-1].output.shape == (None, *left, 256)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        (
            (64, 22, 1),
            "not 64 x 22; multiply its hop_length by at most 0.44, or raise its width to",
        ),
        ((32, 65, 1), "not 32 x 65; raise the feature's n_mels or height to 50, or choose model ="),
        ((49, 49, 1), "n_mels or height to 50 and multiply its hop_length by at most 0.98, or"),
        ((22,), r"needs pictures, not rows of shape \(22,\)"),
    ],
)
def test_what_is_too_small_is_refused_with_what_would_do(shape: tuple[int, ...], hint: str) -> None:
    with pytest.raises(ParamsError, match=f"model = 'cnn' .*{hint}"):
        PARAMS.require_input("cnn", shape)


def test_the_least_size_depends_on_the_blocks() -> None:
    assert PARAMS.least == 50
    assert replace(PARAMS, kernel=3).least == 22
    assert replace(PARAMS, kernel=1, filters=(4, 4)).least == 4


def test_a_convolution_with_bias_is_trained_in_float32_on_a_processor() -> None:
    assert PARAMS.needs_float32
