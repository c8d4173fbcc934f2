"""The kind `equaliser`: a random gain for each frequency."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


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
