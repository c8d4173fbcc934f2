"""The kind `noise`: white noise."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.noise import Ratio, draw_noise
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Noise(Augmentation):
    """White Gaussian noise, `snr_db` to `snr_db` + 30 dB below the clip's power."""

    acts_on = "sound"
    needs = "any feature"

    snr_db: Ratio

    def draw(self, rng: np.random.Generator) -> State:
        """Ratio of the clip's power to the noise's in dB, and the seed of the noise."""
        return draw_noise(self.snr_db, rng)

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Silence stays silent."""
        rng = np.random.default_rng(state["seed"])
        scale = np.sqrt(np.mean(np.square(sound))) * 10 ** (-state["snr_db"] / 20)
        return sound + rng.standard_normal(len(sound), np.float32) * np.float32(scale)
