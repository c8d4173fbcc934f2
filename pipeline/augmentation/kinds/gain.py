"""The kind `gain`: louder or softer."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Gain(Augmentation):
    """Louder or softer by up to `db`."""

    acts_on = "sound"
    needs = "decibels"

    db: Annotated[float, Field(gt=0, le=60)]

    def draw(self, rng: np.random.Generator) -> State:
        """A gain in dB, evenly between the two extremes."""
        return {"db": rng.uniform(-self.db, self.db)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Times 10^(dB / 20)."""
        return sound * np.float32(10 ** (state["db"] / 20))
