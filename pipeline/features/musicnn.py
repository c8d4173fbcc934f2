"""The feature `musicnn`: activations of MusiCNN, a network pretrained to tag music."""

import os
from typing import Annotated, Literal

import numpy as np
import soxr
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.base.arrays import Array
from pipeline.base.digests import version_of
from pipeline.base.fields import STRICT
from pipeline.features.shared import musicnn
from pipeline.features.shared.feature import Feature
from pipeline.features.shared.musicnn_tags import TAGS
from pipeline.features.shared.spectra import mel_power

SAMPLE_RATE, N_FFT, HOP_LENGTH = 16_000, 512, 256  # of the network's input

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
    def sources(self) -> str:
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
        start = sum(musicnn.SIZES[layer] for layer in before)
        return rows[:, start : start + musicnn.SIZES["tags"]]

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float32 of shape (n, values), the layers concatenated in the order of `layers`."""
        return np.stack([self._vector(clip, sample_rate) for clip in clips])

    def template(self, clip_samples: int, sample_rate: int) -> Array:  # noqa: ARG002
        """The shape follows from the layers alone: no network is loaded."""
        return np.empty((0, sum(musicnn.SIZES[layer] for layer in self.layers)), np.float32)

    def _vector(self, clip: Array, sample_rate: int) -> Array:
        sound = soxr.resample(clip, sample_rate, SAMPLE_RATE)
        bands = (musicnn.BANDS, 0.0, SAMPLE_RATE / 2)
        power = mel_power(sound, SAMPLE_RATE, N_FFT, HOP_LENGTH, *bands)
        windows = musicnn.windows(np.log10(10_000 * power.T + 1))
        found = musicnn.predict(self.checkpoint, windows)
        return np.concatenate([found[layer].mean(axis=0) for layer in self.layers])
