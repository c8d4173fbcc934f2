"""The feature `musicnn`: activations of MusiCNN, a network that was pretrained to tag music.

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
late-breaking session of ISMIR 2019, arXiv:1909.06654. The network is rebuilt in NumPy, which takes
two thirds of TensorFlow's time for it and starts at once. Its authors' weights are in the package
`musicnn` 0.1.0 (ISC licence), of which only the files of the checkpoints are read.
"""

import math
from collections import defaultdict
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass
from scipy.special import expit

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
EPSILON = 1e-3
FRONT, MIDDLE = range(5), range(5, 8)  # numbers of the convolutions
PATCHES = 2**17  # values that are multiplied at a time: 512 KiB, which stay in the cache

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
        """The package of the weights with its version."""
        return f"musicnn {version_of('musicnn')}"

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
    last bits.

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
    network = _network(name)
    outputs = [network(window) for window in windows]
    return {layer: np.stack([each[layer] for each in outputs]) for layer in SIZES}


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


class Network:
    """MusiCNN with the variables of a checkpoint.

    Parameters
    ----------
    variables : dict of arrays
        As `read_variables` returns them.
    """

    def __init__(self, variables: dict[str, Array]) -> None:
        self._variables = variables

    def __call__(self, window: Array) -> dict[str, Array]:
        """Turn a window, float32 (FRAMES, BANDS), into each layer of SIZES, float32 (size,)."""
        x = self._normalised(window, 0)
        x = np.concatenate([self._convolved(x, number) for number in FRONT], axis=1)
        kept = [x]
        for number in MIDDLE:
            y = self._convolved(x, number)
            x = y if x is kept[0] else y + x
            kept.append(x)
        channels = np.concatenate(kept, axis=1)
        max_pool, mean_pool = channels.max(axis=0), channels.mean(axis=0)
        pooled = self._normalised(np.stack([max_pool, mean_pool], axis=1).ravel(), 9)
        penultimate = self._normalised(np.maximum(self._dense(pooled, 0), 0), 10)
        return {
            "max_pool": max_pool,
            "mean_pool": mean_pool,
            "penultimate": penultimate,
            "tags": expit(self._dense(penultimate, 1)),
        }

    def _of(self, kind: str, number: int, *names: str) -> list[Array]:
        """Variables of a layer; those of a kind are numbered in the order in which they compute."""
        layer = f"{kind}_{number}" if number else kind
        return [self._variables[f"{layer}/{name}"] for name in names]

    def _normalised(self, x: Array, number: int) -> Array:
        names = "gamma", "beta", "moving_mean", "moving_variance"
        gamma, beta, mean, variance = self._of("batch_normalization", number, *names)
        return (x - mean) * (gamma / np.sqrt(variance + np.float32(EPSILON))) + beta

    def _dense(self, x: Array, number: int) -> Array:
        kernel, bias = self._of("dense", number, "kernel", "bias")
        return x @ kernel + bias

    def _convolved(self, x: Array, number: int) -> Array:
        """Convolve, rectify, normalise and take the maximum over frequency.

        What follows the convolution never falls as a filter's sum rises or, where its gamma is
        negative, never rises: so of the sums of a frame, only the greatest or the least counts.

        Parameters
        ----------
        x : float32, shape (frames, width)
        number : int

        Returns
        -------
        float32, shape (frames, filters)
        """
        kernel, bias = self._of("conv2d", number, "kernel", "bias")
        sign = np.sign(*self._of("batch_normalization", number + 1, "gamma"))
        height, width, _, filters = kernel.shape
        weights = (kernel * sign).reshape(-1, filters)
        padded = np.pad(x, (((height - 1) // 2, height // 2), (0, 0)))
        patches = sliding_window_view(padded, (height, width)).swapaxes(0, 1)
        step = min(len(x), max(1, PATCHES // (len(patches) * len(weights))))
        # New arrays for each block would cost page faults.
        block = np.empty((len(patches), step, height, width), np.float32)
        sums = np.empty((len(patches), step, filters), np.float32)
        greatest = np.empty((len(x), filters), np.float32)
        for start in np.minimum(np.arange(0, len(x), step), len(x) - step):
            np.copyto(block, patches[:, start : start + step])
            np.matmul(block.reshape(-1, len(weights)), weights, out=sums.reshape(-1, filters))
            sums.max(axis=0, out=greatest[start : start + step])
        return self._normalised(np.maximum(sign * greatest + bias, 0), number + 1)


@lru_cache(maxsize=2)
def _network(name: str) -> Network:
    return Network(read_variables(checkpoint_folder(name)))


def read_variables(folder: Path) -> dict[str, Array]:
    """Read the variables of a checkpoint of TensorFlow, float32, without TensorFlow.

    The index is a table of LevelDB: a block of sorted names, each without what it shares with the
    one before, with a protobuf message `BundleEntryProto` for each.
    """
    index = (folder / ".index").read_bytes()
    data = (folder / ".data-00000-of-00001").read_bytes()
    # Behind the block are the places of restarts, their number, and five bytes of checksum; the
    # last 48 bytes of a table begin with the place of what comes then.
    end = _varint(BytesIO(index[-48:])) - 9
    end -= 4 * int.from_bytes(index[end : end + 4], "little")
    block, name, variables = BytesIO(index[:end]), b"", {}
    while block.tell() < end:
        shared, others, length = _varint(block), _varint(block), _varint(block)
        name = name[:shared] + block.read(others)
        entry = _message(block.read(length))
        if name:  # the first entry describes the files
            sizes = [_message(axis)[1][0] for axis in _message(entry[2][0])[2]]
            values = np.frombuffer(data, "<f4", math.prod(sizes), sum(entry[4]))
            variables[name.decode()] = values.reshape(sizes)
    return variables


def _varint(stream: BytesIO) -> int:
    """An integer in groups of seven bits, the lowest first."""
    value = 0
    for shift in count(0, 7):
        byte = stream.read(1)[0]
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value


def _message(content: bytes) -> dict[int, list[Any]]:
    """Values of the fields of a protobuf message; a field of zero is absent."""
    stream = BytesIO(content)
    fields: dict[int, list[Any]] = defaultdict(list)
    while stream.tell() < len(content):
        field, kind = divmod(_varint(stream), 8)
        value = _varint(stream) if kind != 5 else 4
        fields[field].append(stream.read(value) if kind else value)
    return fields


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
