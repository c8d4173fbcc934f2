"""The kind `rotate`: the picture turned about its centre."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.warp import warp
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Rotate(Augmentation):
    """Rotation about the centre by up to `degrees` either way."""

    acts_on = "picture"
    needs = "picture"

    degrees: Annotated[float, Field(gt=0, le=180)]

    def draw(self, rng: np.random.Generator) -> State:
        """An angle in degrees, evenly between the two extremes."""
        return {"degrees": rng.uniform(-self.degrees, self.degrees)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """`scipy.ndimage.rotate(order=1, reshape=False, mode="reflect")`."""
        angle = math.radians(state["degrees"])
        cos, sin = math.cos(angle), math.sin(angle)
        return warp(picture, [[cos, -sin], [sin, cos]], (0.5, 0.5))
