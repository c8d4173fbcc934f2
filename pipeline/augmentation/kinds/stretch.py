"""The kind `stretch`: the picture wider or narrower in time."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.warp import warp
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Stretch(Augmentation):
    """The picture becomes up to `factor` times as wide or as narrow, about its centre."""

    acts_on = "picture"
    needs = "any feature"

    factor: Annotated[float, Field(gt=1, le=4)]

    def draw(self, rng: np.random.Generator) -> State:
        """A factor, as often above 1 as below."""
        return {"factor": self.factor ** rng.uniform(-1, 1)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Linear interpolation between frames."""
        return warp(picture, [[1 / state["factor"], 0], [0, 1]], (0.5, 0.5))
