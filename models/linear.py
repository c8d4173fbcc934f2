"""Multinomial logistic regression, the usual linear probe of a feature."""

from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT, NotNegative
from pipeline.training.network import FitParams


@dataclass(frozen=True, config=STRICT)
class LinearParams(FitParams):
    """Parameters of the logistic regression; `l2` is the L2 penalty on its weights."""

    l2: NotNegative

    @property
    def is_convex(self) -> bool:
        """Whether the loss is convex in the weights."""
        return True


def build(input_shape: tuple[int, ...], n_classes: int, params: LinearParams) -> Any:
    """Build a network from normalised rows (n, *input_shape) to float32 probabilities.

    These have the shape (n, n_classes). Dropout acts on the inputs where it is not 0; the penalty
    is `params.l2` * sum(weights^2).
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
