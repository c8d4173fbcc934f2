"""The kind `zoom`: a part of the picture, enlarged."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.warp import warp
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Zoom(Augmentation):
    """A part of the picture, enlarged up to `factor` times."""

    acts_on = "picture"
    needs = "picture"

    factor: Annotated[float, Field(gt=1, le=4)]

    def draw(self, rng: np.random.Generator) -> State:
        """A factor of at least 1, and the point that stays in place, as shares of the picture."""
        return {
            "factor": self.factor ** rng.uniform(0, 1),
            "x": rng.uniform(0, 1),
            "y": rng.uniform(0, 1),
        }

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Bilinear interpolation."""
        scale = 1 / state["factor"]
        return warp(picture, [[scale, 0], [0, scale]], (state["x"], state["y"]))
