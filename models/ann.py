"""The fully connected network: hidden layers of 512, 256, 128 and 64 units."""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT, NotNegative
from pipeline.training.network import FitParams

WIDTHS = (512, 256, 128, 64)


@dataclass(frozen=True, config=STRICT)
class AnnParams(FitParams):
    """Parameters of the fully connected network.

    Attributes
    ----------
    l2 : float
        L2 penalty on the weights of the hidden layers.
    """

    l2: NotNegative


def build(input_shape: tuple[int, ...], n_classes: int, params: AnnParams) -> Any:
    """Build a network from normalised rows (n, *input_shape) to float32 probabilities.

    Hidden layers have a ReLU, and the L2 penalty and the dropout of `params` where they are not 0.
    """
    import keras
    from keras import layers, regularizers

    penalty = regularizers.L2(params.l2) if params.l2 else None
    network = [keras.Input(input_shape), layers.Flatten()]
    for width in WIDTHS:
        network.append(layers.Dense(width, activation="relu", kernel_regularizer=penalty))
        if params.dropout:
            network.append(layers.Dropout(params.dropout))
    network.append(layers.Dense(n_classes, activation="softmax", dtype="float32"))
    return keras.Sequential(network, name="ann")
