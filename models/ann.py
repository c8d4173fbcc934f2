"""The fully connected network: 512-256-128-64."""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT, NotNegative
from pipeline.training.params import FitParams

WIDTHS = (512, 256, 128, 64)


@dataclass(frozen=True, config=STRICT)
class AnnParams(FitParams):
    """Training of the fully connected network; `l2` is its weight decay."""

    l2: NotNegative


def build(input_shape: tuple[int, ...], n_classes: int, params: AnnParams) -> Any:
    """Normalised rows of `input_shape` -> float32 probabilities of shape (n, n_classes).

    Each hidden layer is ReLU, with L2 weight decay `params.l2` and dropout `params.dropout`
    where they are not 0.
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
