"""The feature `musicnn`: activations of MusiCNN, a network that was pretrained to tag music.

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
late-breaking session of ISMIR 2019, arXiv:1909.06654. The network is rebuilt in Keras; its authors'
weights are in the package `musicnn` 0.1.0 (ISC licence), of which only the files of the checkpoints
are read.
"""

import os
from collections import Counter
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import soxr
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import PipelineError
from pipeline.base.files import version_of
from pipeline.base.types import STRICT, Array
from pipeline.features.shared.feature import Feature
from pipeline.features.shared.spectra import mel_power

_MSD = """
rock, pop, alternative, indie, electronic, female vocalists, dance, 00s, alternative rock, jazz,
beautiful, metal, chillout, male vocalists, classic rock, soul, indie rock, Mellow, electronica,
80s, folk, 90s, chill, instrumental, punk, oldies, blues, hard rock, ambient, acoustic,
experimental, female vocalist, guitar, Hip-Hop, 70s, party, country, easy listening, sexy, catchy,
funk, electro, heavy metal, Progressive rock, 60s, rnb, indie pop, sad, House, happy
"""
_MTT = """
guitar, classical, slow, techno, strings, drums, electronic, rock, fast, piano, ambient, beat,
violin, vocal, synth, female, indian, opera, male, singing, vocals, no vocals, harpsichord, loud,
quiet, flute, woman, male vocal, no vocal, pop, soft, sitar, solo, man, classic, choir, voice, new
age, dance, male voice, female vocal, beats, harp, cello, no voice, weird, country, metal, female
voice, choral
"""
TAGS = {
    name: tuple(" ".join(text.split()).split(", ")) for name, text in (("MSD", _MSD), ("MTT", _MTT))
}

SAMPLE_RATE, N_FFT, HOP_LENGTH = 16_000, 512, 256  # of the network's input
FRAMES, BANDS = 187, 96  # likewise: about 3 s
POOLED = 753  # channels that are pooled over time
SIZES = {"max_pool": POOLED, "mean_pool": POOLED, "penultimate": 200, "tags": 50}
TIMBRAL, TEMPORAL, MIDDLE = 204, 51, 64  # filters
BAND_WIDTHS = (38, 67)  # of the timbral filters
LENGTHS = (128, 64, 32)  # of the temporal filters, in frames
REACH = 7  # of the other filters, in frames
EPSILON = 1e-3
NORMALISED = ("gamma", "beta", "moving_mean", "moving_variance")

Layer = Literal["max_pool", "mean_pool", "penultimate", "tags"]


def _each_once(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    if len(set(layers)) < len(layers):
        raise ValueError("should list each layer once")
    return layers


@dataclass(frozen=True, config=STRICT)
class Musicnn(Feature):
    """Layers of the MusiCNN of Pons and Serra, which was trained to tag music, as a vector.

    `checkpoint` MSD was trained on the Million Song Dataset, MTT on MagnaTagATune. A clip is
    resampled to 16 kHz, its mel spectrogram (96 bands) compressed by log10(10000 x + 1) and cut
    into windows of 187 frames, over which each layer's values are averaged; a shorter clip is
    repeated to fill a window, as its authors do. `max_pool` and `mean_pool` have 753 values each,
    `penultimate` has 200, and `tags` are the probabilities of 50 tags.
    """

    checkpoint: Literal["MSD", "MTT"]
    layers: Annotated[
        tuple[Layer, ...],
        Field(min_length=1, strict=False, examples=[["max_pool", "mean_pool"]]),
        AfterValidator(_each_once),
    ]

    unit = "activation"
    is_vector = True

    @property
    def versions(self) -> str:
        """The package of the weights, and the backend that computes, with their versions."""
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        return f"musicnn {version_of('musicnn')}, {backend} {version_of(backend)}"

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Those of the checkpoint, if `tags` is one of the layers."""
        return TAGS[self.checkpoint] if "tags" in self.layers else ()

    def tags(self, rows: Array) -> Array:
        """Return the values of the layer `tags`, if it is one of the layers."""
        if "tags" not in self.layers:
            return super().tags(rows)
        before = self.layers[: self.layers.index("tags")]
        start = sum(SIZES[layer] for layer in before)
        return rows[:, start : start + SIZES["tags"]]

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float32 of shape (n, values), the layers concatenated in the order of `layers`."""
        return np.stack([self._vector(clip, sample_rate) for clip in clips])

    def template(self, clip_samples: int, sample_rate: int) -> Array:  # noqa: ARG002
        """The shape follows from the layers alone: no network is loaded."""
        return np.empty((0, sum(SIZES[layer] for layer in self.layers)), np.float32)

    def _vector(self, clip: Array, sample_rate: int) -> Array:
        sound = soxr.resample(clip, sample_rate, SAMPLE_RATE)
        bands = (BANDS, 0.0, SAMPLE_RATE / 2)
        power = mel_power(sound, SAMPLE_RATE, N_FFT, HOP_LENGTH, *bands)
        values = predict(self.checkpoint, windows(np.log10(10_000 * power.T + 1)))
        return np.concatenate([values[layer].mean(axis=0) for layer in self.layers])


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
        outputs = [network(window[np.newaxis]) for window in windows]
    return {
        layer: np.concatenate([np.asarray(each[layer], np.float32) for each in outputs])
        for layer in SIZES
    }


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


def read_variables(folder: Path) -> dict[str, Array]:
    """Variables of a checkpoint by their names."""
    import tensorflow as tf

    # The file "checkpoint" in the folder names a path of its authors; the prefix of the files that
    # hold the weights is empty.
    reader = tf.compat.v1.train.NewCheckpointReader(f"{folder}{os.sep}")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


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
