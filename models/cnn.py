"""The convolutional network: blocks of convolution, pooling and batch normalisation."""

import keras
from keras import layers

from pipeline.model_params import CnnParams

HIDDEN = 32


def build(input_shape: tuple[int, ...], n_classes: int, params: CnnParams) -> keras.Model:
    """Normalised pictures (height, width, channels) -> float32 probabilities (n, n_classes).

    Raises
    ------
    ParamsError
        A picture of `input_shape` does not survive the poolings.
    """

    def batch_norm() -> layers.Layer:
        return layers.BatchNormalization(momentum=params.batch_norm_momentum)

    params.require_input(input_shape)
    network = [keras.Input(input_shape), batch_norm()]
    for filters in params.filters:
        network += [
            layers.Conv2D(filters, params.kernel, padding="same", activation="relu"),
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
