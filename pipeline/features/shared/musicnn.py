"""The MusiCNN of Pons and Serra, rebuilt in Keras with the weights of its authors.

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
late-breaking session of ISMIR 2019, arXiv:1909.06654. The weights are in the package `musicnn`
0.1.0 (ISC licence), of which only the files of the checkpoints are read.
"""

import os
from collections import Counter
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError

FRAMES, BANDS = 187, 96  # of the input: about 3 s at 16 kHz with hops of 256
POOLED = 753  # channels that are pooled over time
SIZES = {"max_pool": POOLED, "mean_pool": POOLED, "penultimate": 200, "tags": 50}
TIMBRAL, TEMPORAL, MIDDLE = 204, 51, 64  # filters
BAND_WIDTHS = (38, 67)  # of the timbral filters
LENGTHS = (128, 64, 32)  # of the temporal filters, in frames
REACH = 7  # of the other filters, in frames
EPSILON = 1e-3
NORMALISED = ("gamma", "beta", "moving_mean", "moving_variance")


def checkpoint_folder(name: str) -> Path:
    """Folder of the checkpoint "MSD" or "MTT" in the installed package.

    Raises
    ------
    PipelineError
        The package is not installed.
    """
    spec = find_spec("musicnn")
    if spec is None or not spec.submodule_search_locations:
        raise PipelineError(
            "the feature musicnn needs the weights of the package musicnn: type `make setup`, or "
            "`pip install --no-deps musicnn==0.1.0`"
        )
    return Path(next(iter(spec.submodule_search_locations)), f"{name}_musicnn")


def load_network(name: str) -> Any:
    """The network with the weights of the checkpoint "MSD" or "MTT".

    Returns
    -------
    keras.Model
        Takes log-mel spectrograms of shape (n, FRAMES, BANDS) and gives a dict of float32 arrays:
        each layer of SIZES with its number of values, (n, size); `tags` are probabilities.
    """
    from pipeline.base.backend import keras

    variables = read_variables(checkpoint_folder(name))
    model = _build(keras)
    for layer in model.layers:
        if layer.weights:
            names = NORMALISED if "normalization" in layer.name else ("kernel", "bias")
            layer.set_weights([variables[f"{layer.name}/{name}"] for name in names])
    return model


@lru_cache(maxsize=2)
def _compiled(name: str) -> Any:
    """The network as one graph where the backend is TensorFlow, in half the time.

    In a graph, convolutions add their bias and rectify on the way; step by step, each of the two is
    a pass of its own over millions of values. Keras' own `predict_on_batch` makes a graph too, but
    does not let several threads use it at once.
    """
    from pipeline.base.backend import keras

    network = load_network(name)
    if keras.backend.backend() != "tensorflow":
        return network
    import tensorflow as tf

    return tf.function(network, autograph=False)


def predict(name: str, windows: Array) -> dict[str, Array]:
    """Values of each layer of SIZES for each window, by the checkpoint "MSD" or "MTT".

    Windows are computed one by one, as the number of those that are computed together changes the
    last bits, and always on the processor, as a GPU would change them too.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    windows : float32, shape (n, FRAMES, BANDS)
        log10(10000 x + 1) of mel power.

    Returns
    -------
    dict of float32 arrays, (n, SIZES[layer])

    Raises
    ------
    PipelineError
        The package is not installed.
    """
    # More threads would change the last bits of sums; ignored where the backend runs already.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    from pipeline.base.backend import keras

    with keras.device("cpu:0"):
        network = _compiled(name)
        found = [network(window[np.newaxis]) for window in windows]
    return {
        layer: np.concatenate([np.asarray(each[layer], np.float32) for each in found])
        for layer in SIZES
    }


def read_variables(folder: Path) -> dict[str, Array]:
    """Variables of a checkpoint by their names."""
    import tensorflow as tf

    # The file "checkpoint" in the folder names a path of its authors; the prefix of the files that
    # hold the weights is empty.
    reader = tf.compat.v1.train.NewCheckpointReader(f"{folder}{os.sep}")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def _build(keras: Any) -> Any:
    """The graph; its layers are named as in the checkpoint: in the order in which they are made."""
    layers, ops = keras.layers, keras.ops
    made: Counter[str] = Counter()

    def named(name: str) -> dict[str, str]:
        made[name] += 1
        number = f"_{made[name] - 1}" if made[name] > 1 else ""
        return {"name": f"{name}{number}", "dtype": "float32"}

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(epsilon=EPSILON, **named("batch_normalization"))(x)

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


def windows(spectrogram: Array) -> Array:
    """Cut a spectrogram of any length into windows of FRAMES frames that cover it.

    Parameters
    ----------
    spectrogram : float32, shape (frames, BANDS)
        A shorter one than a window is repeated to fill it. A single frame beyond whole windows, as
        a clip of 3 s has it, is left out.

    Returns
    -------
    float32, shape (n, FRAMES, BANDS)
    """
    frames = len(spectrogram)
    if frames < FRAMES:
        return np.resize(spectrogram, (1, FRAMES, spectrogram.shape[1]))
    count = max(1, -(-(frames - 1) // FRAMES))
    starts = np.rint(np.linspace(0, frames - FRAMES, count)).astype(int)
    return np.stack([spectrogram[start : start + FRAMES] for start in starts])
