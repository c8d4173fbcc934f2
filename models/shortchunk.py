"""A modern small network for pictures: 3x3 convolutions and global pooling.

After the short-chunk CNN of Won, Ferraro, Bogdanov and Serra, "Evaluation of CNN-based automatic music
tagging models" (SMC 2020), with fewer blocks, as clips here are small pictures.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT, Count, Share
from pipeline.training.params import FitParams


@dataclass(frozen=True, config=STRICT)
class ShortchunkParams(FitParams):
    """Parameters of the short-chunk network.

    Attributes
    ----------
    filters : tuple of int
        Number of filters in each block; every block but the last halves the picture.
    batch_norm_momentum : float
    """

    filters: Annotated[tuple[Count, ...], Field(min_length=1, max_length=8, strict=False)]
    batch_norm_momentum: Share

    def require_input(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise `ParamsError` unless rows are pictures that the poolings leave something of."""
        if len(shape) != 3:
            raise ParamsError(
                f"model = {name!r} needs pictures, not rows of shape {shape}; choose another "
                "feature, or model = ann"
            )
        least = 2 ** (len(self.filters) - 1)
        if min(shape[:2]) < least:
            raise ParamsError(
                f"model = {name!r} pools {len(self.filters) - 1} times and needs at least {least} x "
                f"{least}, not {shape[0]} x {shape[1]}; shorten models.{name}.filters"
            )


def build(input_shape: tuple[int, ...], n_classes: int, params: ShortchunkParams) -> Any:
    """Build a network from normalised pictures (n, *input_shape) to float32 probabilities."""
    import keras
    from keras import layers

    network = [keras.Input(input_shape)]
    for number, filters in enumerate(params.filters):
        if number:
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
