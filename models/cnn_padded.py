"""The network `cnn` with padding, in blocks of convolution, pooling, batch normalisation and ReLU.

Batch normalisation follows the pooling, where a quarter of the values are left to normalise, and
precedes the ReLU, so that no filter can be silenced for good. As it has an offset of its own, the
layer before it needs no bias.
"""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT
from pipeline.training.network import ConvolutionalParams, Kernel

HIDDEN = 32  # units of the layer before the last


@dataclass(frozen=True, config=STRICT)
class CnnPaddedParams(ConvolutionalParams):
    """Parameters of the padded network.

    Attributes
    ----------
    kernel : int
        Height and width of the filters.
    """

    kernel: Kernel

    @property
    def least_size(self) -> int:
        """Height and width of the smallest picture that each block can pool."""
        return 2 ** len(self.filters)


def build(input_shape: tuple[int, ...], n_classes: int, params: CnnPaddedParams) -> Any:
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
            layers.Conv2D(filters, params.kernel, padding="same", use_bias=False),
            layers.MaxPooling2D(2),
            batch_norm(),
            layers.ReLU(),
        ]
    network += [
        layers.Flatten(),
        layers.Dense(HIDDEN, use_bias=False),
        batch_norm(),
        layers.ReLU(),
        layers.Dropout(params.dropout),
        layers.Dense(n_classes, activation="softmax", dtype="float32"),
    ]
    return keras.Sequential(network, name="cnn_padded")
