"""The layers of the short-chunk network, and the pictures that it takes."""

import numpy as np
import pytest

from models.shortchunk import ShortchunkParams, build

PARAMS = ShortchunkParams(
    optimizer="adamw",
    learning_rate=0.003,
    schedule="cosine",
    decay=0,
    warmup=0.1,
    momentum=0,
    epochs=2,
    batch_size=32,
    patience=0,
    dropout=0.3,
    weight_decay=0.01,
    filters=(4, 6, 8),
    batch_norm_momentum=0.9,
)


def test_blocks_of_3x3_halve_the_picture_in_between() -> None:
    layers = build((20, 13, 1), 5, PARAMS).layers
    assert [type(layer).__name__ for layer in layers] == [
        *["Conv2D", "BatchNormalization", "ReLU"],
        *["MaxPooling2D", "Conv2D", "BatchNormalization", "ReLU"] * 2,
        *["GlobalAveragePooling2D", "Dropout", "Dense"],
    ]
    convolutions = [layer for layer in layers if type(layer).__name__ == "Conv2D"]
    assert [layer.output.shape for layer in convolutions] == [
        (None, 20, 13, 4),
        (None, 10, 6, 6),
        (None, 5, 3, 8),
    ]
    assert {(layer.kernel_size, layer.use_bias) for layer in convolutions} == {((3, 3), False)}
    assert layers[-2].rate == 0.3


def test_where_in_a_clip_something_happens_does_not_matter() -> None:
    """Away from the edges, the average over time does not know the time."""
    network = build((4, 32, 1), 3, PARAMS)
    early, late = np.zeros((2, 1, 4, 32, 1), np.float32)
    early[:, :, 12:16] = late[:, :, 16:20] = np.random.default_rng(0).normal(size=(4, 4, 1))
    np.testing.assert_allclose(network(early), network(late), atol=1e-6)
    assert np.abs(network(early) - network(np.zeros_like(early))).max() > 1e-3


@pytest.mark.parametrize("shape", [(3, 9, 1), (9, 3, 1)])
def test_a_picture_that_cannot_be_halved_is_refused(shape: tuple[int, ...]) -> None:
    assert PARAMS.reason_against(shape).startswith("needs pictures of at least 4 x 4, not")
    assert PARAMS.reason_against((4, 4, 1)) == ""
    assert build((4, 4, 1), 5, PARAMS).output_shape == (None, 5)
