"""The kinds of augmentation that act on spectra in dB."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.kind import Augmentation, Ratio, State, draw_noise
from pipeline.base.types import STRICT, Array

NEPER = 10 / math.log(10)  # dB of a power that is e times another


@dataclass(frozen=True, config=STRICT)
class Equaliser(Augmentation):
    """A random equaliser: `points` gains of up to `db` either way, with lines between them.

    Similar to the frequency filters of Schlüter & Grill, "Exploring Data Augmentation for
    Improved Singing Voice Detection" (2015), who draw one bell of up to 10 dB.
    """

    acts_on = "decibels"
    needs = "decibels"

    db: Annotated[float, Field(gt=0, le=60)]
    points: Annotated[int, Field(ge=2, le=64)]

    def draw(self, rng: np.random.Generator) -> State:
        """Gains in dB, from the lowest band to the highest."""
        return {"db": rng.uniform(-self.db, self.db, self.points).tolist()}

    @staticmethod
    def apply(spectrum: Array, state: State) -> Array:
        """Every frame gets the same gains."""
        gains = state["db"]
        bands = np.linspace(0, len(gains) - 1, len(spectrum))
        curve = np.interp(bands, np.arange(len(gains)), gains).astype(np.float32)
        return spectrum + curve[:, np.newaxis, np.newaxis]


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
