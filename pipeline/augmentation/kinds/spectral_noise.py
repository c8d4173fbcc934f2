"""The kind `spectral_noise`: noise of the same power in every band."""

import math

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.noise import Ratio, draw_noise
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT

NEPER = 10 / math.log(10)  # dB of a power that is e times another


@dataclass(frozen=True, config=STRICT)
class SpectralNoise(Augmentation):
    """Noise of the same power in every band, `snr_db` to `snr_db` + 30 dB below the clip's mean.

    Powers of independent sounds add up, and that of Gaussian noise is exponentially distributed
    in each cell of a spectrogram (Martin, "Noise power spectral density estimation", 2001).
    """

    acts_on = "decibels"
    needs = "decibels"

    snr_db: Ratio

    def draw(self, rng: np.random.Generator) -> State:
        """Ratio of the clip's mean power to the noise's in dB, and the seed of the noise."""
        return draw_noise(self.snr_db, rng)

    @staticmethod
    def apply(spectrum: Array, state: State) -> Array:
        """10 log10(power + noise)."""
        top = spectrum.max()
        power = np.exp((spectrum - top) / NEPER)
        rng = np.random.default_rng(state["seed"])
        noise = -np.log(1 - rng.random(spectrum.shape, np.float32))  # faster than rng.exponential
        power += noise * (power.mean() * np.float32(10 ** (-state["snr_db"] / 10)))
        return np.log(power) * np.float32(NEPER) + top
