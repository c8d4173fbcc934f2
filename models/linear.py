"""Multinomial logistic regression: what probes of a feature are measured with."""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT, NotNegative
from pipeline.training.params import FitParams


@dataclass(frozen=True, config=STRICT)
class LinearParams(FitParams):
    """Training of the logistic regression; `l2` is its weight decay."""

    l2: NotNegative


def build(input_shape: tuple[int, ...], n_classes: int, params: LinearParams) -> Any:
    """Normalised rows of `input_shape` -> float32 probabilities of shape (n, n_classes).

    Dropout `params.dropout` of the inputs where it is not 0; the penalty is
    `params.l2` * sum(weights^2).
    """
    import keras
    from keras import layers, regularizers

    network = [keras.Input(input_shape), layers.Flatten()]
    if params.dropout:
        network.append(layers.Dropout(params.dropout))
    penalty = regularizers.L2(params.l2) if params.l2 else None
    network.append(
        layers.Dense(
            n_classes,
            activation="softmax",
            kernel_regularizer=penalty,
            dtype="float32",
        )
    )
    return keras.Sequential(network, name="linear")
