"""The convolutional network: blocks of convolution, pooling, batch normalisation and ReLU.

Batch normalisation stands behind the pooling, where it has a quarter of the values to go through,
and before the ReLU, so that no filter can fall silent for good. It has an offset of its own: what
it follows needs no bias.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT, Count, Share
from pipeline.training.params import FitParams

HIDDEN = 32


@dataclass(frozen=True, config=STRICT)
class CnnParams(FitParams):
    """Training of the convolutional network: one block for each of `filters`."""

    filters: Annotated[tuple[Count, ...], Field(min_length=1, max_length=8, strict=False)]
    kernel: Annotated[int, Field(ge=1, le=31)]
    batch_norm_momentum: Share

    def require_input(self, name: str, shape: tuple[int, ...]) -> None:
        """Pictures survive a 2x2 pooling in each block."""
        if len(shape) != 3:
            raise ParamsError(
                f"model = {name!r} needs pictures, not rows of shape {shape}; choose another "
                "feature, or model = ann"
            )
        height, width, _ = shape
        least = 2 ** len(self.filters)
        if min(height, width) < least:
            raise ParamsError(
                f"model = {name!r} pools {len(self.filters)} times and needs at least {least} x "
                f"{least}, not {height} x {width}; raise the feature's n_mels or height, lower its "
                "hop_length or raise its width, raise segment.seconds, or shorten "
                f"models.{name}.filters"
            )


def build(input_shape: tuple[int, ...], n_classes: int, params: CnnParams) -> Any:
    """Normalised pictures (height, width, channels) -> float32 probabilities (n, n_classes).

    `input_shape` is one that `params.require_input` takes.
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
    return keras.Sequential(network, name="cnn")
