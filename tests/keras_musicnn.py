"""MusiCNN in Keras, with the weights as TensorFlow reads them: beside the pipeline's in NumPy."""

import os
from collections import Counter
from typing import Any

from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.features.musicnn import BANDS, FRAMES, POOLED, SIZES, checkpoint_folder

TIMBRAL, TEMPORAL, MIDDLE = 204, 51, 64  # filters
BAND_WIDTHS = (38, 67)  # of the timbral filters
LENGTHS = (128, 64, 32)  # of the temporal filters, in frames
REACH = 7  # of the other filters, in frames
NORMALISED = ("gamma", "beta", "moving_mean", "moving_variance")


def read_variables(name: str) -> dict[str, Array]:
    """Variables of the checkpoint "MSD" or "MTT" by their names."""
    import tensorflow as tf

    # The file "checkpoint" in the folder names a path of its authors; the prefix of the files that
    # hold the weights is empty.
    reader = tf.compat.v1.train.NewCheckpointReader(f"{checkpoint_folder(name)}{os.sep}")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def load_network(name: str) -> Any:
    """The network with the weights of the checkpoint "MSD" or "MTT".

    Returns
    -------
    keras.Model
        Takes log-mel spectrograms of shape (n, FRAMES, BANDS) and gives a dict of float32 arrays:
        each layer of SIZES with its number of values, (n, size); `tags` are probabilities.
    """
    variables = read_variables(name)
    model = _build()
    for layer in model.layers:
        if layer.weights:
            names = NORMALISED if "normalization" in layer.name else ("kernel", "bias")
            layer.set_weights([variables[f"{layer.name}/{name}"] for name in names])
    return model


def _build() -> Any:
    """The graph; its layers are named as in the checkpoint: in the order in which they are made."""
    layers, ops = keras.layers, keras.ops
    made: Counter[str] = Counter()

    def named(name: str) -> dict[str, str]:
        made[name] += 1
        number = f"_{made[name] - 1}" if made[name] > 1 else ""
        return {"name": f"{name}{number}", "dtype": "float32"}

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(epsilon=1e-3, **named("batch_normalization"))(x)

    def convolve(x: Any, filters: int, kernel: tuple[int, int], padding: str) -> Any:
        options = {"padding": padding, "activation": "relu", **named("conv2d")}
        return layers.Conv2D(filters, kernel, **options)(x)

    def dense(x: Any, units: int, activation: str) -> Any:
        return layers.Dense(units, activation=activation, **named("dense"))(x)

    def pad(x: Any) -> Any:
        return layers.ZeroPadding2D((REACH // 2, 0))(x)

    spectrogram = keras.Input((FRAMES, BANDS))
    x = norm(ops.expand_dims(spectrogram, -1))
    front = [norm(convolve(pad(x), TIMBRAL, (REACH, width), "valid")) for width in BAND_WIDTHS]
    front += [norm(convolve(x, TEMPORAL, (length, 1), "same")) for length in LENGTHS]
    x = ops.concatenate([ops.max(each, axis=2) for each in front], axis=-1)
    kept = [x]
    for number in range(3):
        width = kept[-1].shape[-1]
        y = norm(convolve(pad(ops.expand_dims(x, -1)), MIDDLE, (REACH, width), "valid"))
        y = ops.squeeze(y, axis=2)
        x = y + x if number else y
        kept.append(x)
    channels = ops.concatenate(kept, axis=-1)
    max_pool, mean_pool = ops.max(channels, axis=1), ops.mean(channels, axis=1)
    pooled = ops.reshape(ops.stack([max_pool, mean_pool], axis=-1), (-1, 2 * POOLED))
    penultimate = norm(dense(norm(pooled), SIZES["penultimate"], "relu"))
    tags = dense(penultimate, SIZES["tags"], "sigmoid")
    outputs = {
        "max_pool": max_pool,
        "mean_pool": mean_pool,
        "penultimate": penultimate,
        "tags": tags,
    }
    return keras.Model(spectrogram, outputs)
