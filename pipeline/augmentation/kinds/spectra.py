"""Augmentations of a spectrogram in dB.

`apply` takes and returns float32 of shape (bands, frames, 1), in dB against any reference.
"""

import math
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import ActsOn, Augmentation, Needs, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT

# Signal to noise in dB; far beyond, powers are no finite numbers, or change nothing.
Ratio = Annotated[float, Field(ge=-40, le=100)]

NEPER = 10 / math.log(10)  # dB of a power that is e times another


@dataclass(frozen=True, config=STRICT)
class Equaliser(Augmentation):
    """A random equaliser: `points` gains of up to `db` either way, with lines between them.

    In the manner of the frequency filters of Schlueter & Grill, "Exploring Data Augmentation for
    Improved Singing Voice Detection" (2015), who draw one bell of up to 10 dB.
    """

    acts_on: ClassVar[ActsOn] = "decibels"
    needs: ClassVar[Needs] = "decibels"

    db: Annotated[float, Field(gt=0, le=60)]
    points: Annotated[int, Field(ge=2, le=64)]

    def draw(self, rng: np.random.Generator) -> State:
        """Gains in dB, the first for the lowest band, the last for the highest."""
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
    """Noise of the same power in every band, `snr_db` below the mean or up to 30 dB less.

    Powers of independent sounds add up, and that of Gaussian noise is exponentially distributed
    in each cell of a spectrogram (Martin, "Noise power spectral density estimation", 2001).
    """

    acts_on: ClassVar[ActsOn] = "decibels"
    needs: ClassVar[Needs] = "decibels"

    snr_db: Ratio

    def draw(self, rng: np.random.Generator) -> State:
        """Ratio of the clip's mean power to the noise's, and the seed of the noise."""
        return draw_noise(self.snr_db, rng)

    @staticmethod
    def apply(spectrum: Array, state: State) -> Array:
        """10 log10(power + noise)."""
        top = spectrum.max()
        power = np.exp((spectrum - top) / NEPER)
        rng = np.random.default_rng(state["seed"])
        noise = -np.log(1 - rng.random(spectrum.shape, np.float32))  # faster than its own
        power += noise * (power.mean() * np.float32(10 ** (-state["snr_db"] / 10)))
        return np.log(power) * np.float32(NEPER) + top


def draw_noise(least: float, rng: np.random.Generator) -> State:
    """A signal-to-noise ratio in dB, evenly over the 30 from `least` on, and a seed."""
    return {"snr_db": least + rng.uniform(0, 30), "seed": int(rng.integers(2**63))}
