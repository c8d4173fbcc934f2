"""A small modern CNN: blocks of 3x3 convolutions, then global average pooling.

After the short-chunk CNN of Won, Ferraro, Bogdanov and Serra, "Evaluation of CNN-based automatic
music tagging models" (SMC 2020), with fewer blocks and no pooling after the last, as clips here are
small pictures.
"""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT
from pipeline.training.network import ConvolutionalParams


@dataclass(frozen=True, config=STRICT)
class ShortchunkParams(ConvolutionalParams):
    """Parameters of the short-chunk network; between two blocks the picture is halved."""

    @property
    def least_size(self) -> int:
        """Height and width of the smallest picture that can be halved between all blocks."""
        return 2 ** (len(self.filters) - 1)


def build(input_shape: tuple[int, ...], n_classes: int, params: ShortchunkParams) -> Any:
    """Build a network from normalised pictures (n, *input_shape) to float32 probabilities.

    Parameters
    ----------
    input_shape : (height, width, channels)
        At least `params.least_size` high and wide.
    """
    import keras
    from keras import layers

    network = [keras.Input(input_shape)]
    for block, filters in enumerate(params.filters):
        if block:
            network.append(layers.MaxPooling2D(2))
        network += [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=params.batch_norm_momentum),
            layers.ReLU(),
        ]
    network += [
        layers.GlobalAveragePooling2D(),
        layers.Dropout(params.dropout),
        layers.Dense(n_classes, activation="softmax", dtype="float32"),
    ]
    return keras.Sequential(network, name="shortchunk")
