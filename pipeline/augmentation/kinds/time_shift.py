"""The kind `time_shift`: the clip starts later, and its end comes first."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class TimeShift(Augmentation):
    """The clip starts up to `share` of its length later, and its end comes first."""

    acts_on = "sound"
    needs = "any feature"

    share: Annotated[float, Field(gt=0, le=1)]

    def draw(self, rng: np.random.Generator) -> State:
        """A share of the clip."""
        return {"share": rng.uniform(0, self.share)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """`numpy.roll`."""
        return np.roll(sound, round(state["share"] * len(sound)))
