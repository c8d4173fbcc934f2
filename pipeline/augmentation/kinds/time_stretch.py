"""The kind `time_stretch`: faster or slower at the same pitch."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class TimeStretch(Augmentation):
    """Faster or slower by up to `rate`, at the same pitch: `librosa.effects.time_stretch`."""

    acts_on = "sound"
    needs = "any feature"

    rate: Annotated[float, Field(gt=1, le=4)]

    def draw(self, rng: np.random.Generator) -> State:
        """A factor for the tempo, as often above 1 as below."""
        return {"rate": self.rate ** rng.uniform(-1, 1)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Phase vocoder; what is too long is cut off, and what is too short is repeated."""
        from librosa.effects import time_stretch

        return np.resize(time_stretch(sound, rate=state["rate"]), len(sound))
