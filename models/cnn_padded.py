"""The network `cnn` with padding, in blocks of convolution, pooling, batch normalisation and ReLU.

Batch normalisation follows the pooling, where a quarter of the values are left to normalise, and
precedes the ReLU, so that no filter can be silenced for good. As it has an offset of its own, the
layer before it needs no bias.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT
from pipeline.training.params import ConvolutionalParams, require_pictures

HIDDEN = 32


@dataclass(frozen=True, config=STRICT)
class CnnPaddedParams(ConvolutionalParams):
    """Parameters of the padded network.

    Attributes
    ----------
    kernel : int
        Height and width of the filters.
    """

    kernel: Annotated[int, Field(ge=1, le=31)]

    def require_input(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise `ParamsError` unless pictures of `shape` can be pooled once in each block."""
        height, width, _ = require_pictures(name, shape)
        least = 2 ** len(self.filters)
        if min(height, width) < least:
            raise ParamsError(
                f"model = {name!r} pools {len(self.filters)} times and needs at least {least} x "
                f"{least}, not {height} x {width}; raise the feature's n_mels or height, lower its "
                "hop_length or raise its width, raise segment.seconds, or shorten "
                f"models.{name}.filters"
            )


def build(input_shape: tuple[int, ...], n_classes: int, params: CnnPaddedParams) -> Any:
    """Build a network from normalised pictures (n, *input_shape) to float32 probabilities.

    Parameters
    ----------
    input_shape : (height, width, channels)
        One that `params.require_input` accepts.
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
