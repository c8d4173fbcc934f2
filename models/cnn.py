"""The convolutional network of the course report on which this project is based, layer by layer.

Its convolutions are not padded, so that a picture shrinks by `kernel` - 1 cells in each block
before it is pooled; whether a picture is large enough depends on the length of a clip. The network
`cnn_padded` has the same parts in an order that was measured to be better.
"""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT
from pipeline.training.network import ConvolutionalParams, Kernel

HIDDEN = 32  # units of the layer before the last


@dataclass(frozen=True, config=STRICT)
class CnnParams(ConvolutionalParams):
    """Parameters of the report's network.

    Attributes
    ----------
    kernel : int
        Height and width of the filters.
    """

    kernel: Kernel

    @property
    def needs_float32(self) -> bool:
        """True, as its convolutions have a bias."""
        return True

    @property
    def least_size(self) -> int:
        """Height and width of the smallest picture that still has one cell after the last block."""
        size = 1
        for _ in self.filters:
            size = 2 * size + self.kernel - 1
        return size


def build(input_shape: tuple[int, ...], n_classes: int, params: CnnParams) -> Any:
    """Build a network from normalised pictures (n, *input_shape) to float32 probabilities.

    Parameters
    ----------
    input_shape : (height, width, channels)
        At least `params.least_size` high and wide.
    """
    import keras
    from keras import layers

    def batch_norm() -> layers.Layer:
        return layers.BatchNormalization(momentum=params.batch_norm_momentum)

    network = [keras.Input(input_shape), batch_norm()]
    for filters in params.filters:
        network += [
            layers.Conv2D(filters, params.kernel, activation="relu"),
            layers.MaxPooling2D(2),
            batch_norm(),
        ]
    network += [
        layers.Flatten(),
        layers.Dense(HIDDEN, activation="relu"),
        batch_norm(),
        layers.Dropout(params.dropout),
        layers.Dense(n_classes, activation="softmax", dtype="float32"),
    ]
    return keras.Sequential(network, name="cnn")
