"""The convolutional network: blocks of convolution, pooling, batch normalisation and ReLU.

Batch normalisation stands behind the pooling, where it has a quarter of the values to go through,
and before the ReLU, so that no filter can fall silent for good. It has an offset of its own: what
it follows needs no bias.
"""

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
