"""The layers of the padded network, and the pictures that it takes."""

from dataclasses import replace
from typing import Any

import pytest
from documents import base_document

from models.cnn_padded import CnnPaddedParams, build
from pipeline.check import parse_models

FOUND = parse_models(base_document()["models"])["cnn_padded"]
assert isinstance(FOUND, CnnPaddedParams)
PARAMS = FOUND
PICTURE = (16, 24, 3)
GENRES = 5


def network(**changes: Any) -> Any:
    return build(PICTURE, GENRES, replace(PARAMS, **changes))


def layers(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_it_is_three_blocks_and_a_hidden_layer() -> None:
    model = network()
    block = ["Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU"]
    assert layers(model) == [
        "BatchNormalization",
        *block * 3,
        *["Flatten", "Dense", "BatchNormalization", "ReLU", "Dropout", "Dense"],
    ]
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert [layer.filters for layer in convolutions] == [64, 128, 256]
    assert {layer.kernel_size for layer in convolutions} == {(7, 7)}
    assert {layer.padding for layer in convolutions} == {"same"}
    assert {(layer.activation.__name__, layer.use_bias) for layer in convolutions} == {
        ("linear", False)
    }
    pools = [layer for layer in model.layers if type(layer).__name__ == "MaxPooling2D"]
    assert {layer.pool_size for layer in pools} == {(2, 2)}
    assert pools[-1].output.shape == (None, 2, 3, 256)


def test_it_ends_in_a_small_layer_dropout_and_a_softmax() -> None:
    hidden, _, _, dropout, last = network().layers[-5:]
    assert (hidden.units, hidden.activation.__name__, hidden.use_bias) == (32, "linear", False)
    assert dropout.rate == 0.5
    assert (last.units, last.activation.__name__) == (GENRES, "softmax")
    assert network(dropout=0.2).layers[-2].rate == 0.2


def test_it_normalises_batches_with_the_given_momentum() -> None:
    def momenta(model: Any) -> list[float]:
        norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
        return [layer.momentum for layer in norms]

    assert momenta(network(batch_norm_momentum=0.75)) == [0.75] * 5


@pytest.mark.parametrize("shape", [(7, 24, 1), (24, 7, 1), (24,)])
def test_it_refuses_what_it_cannot_pool(shape: tuple[int, ...]) -> None:
    assert PARAMS.reason_against(shape).startswith("needs pictures")


def test_smallest_picture_is_pooled_to_a_single_cell() -> None:
    assert PARAMS.reason_against((8, 8, 1)) == ""
    assert build((8, 8, 1), GENRES, PARAMS).output_shape == (None, GENRES)


def test_more_blocks_need_larger_pictures() -> None:
    deeper = replace(PARAMS, filters=(4, 4, 4, 4))
    assert deeper.reason_against((15, 16, 1)).endswith("of at least 16 x 16, not 15 x 16")
    assert deeper.reason_against((16, 16, 1)) == ""
