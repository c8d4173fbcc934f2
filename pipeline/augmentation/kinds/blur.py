"""The kind `blur`: a Gaussian blur."""

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.warp import EDGE
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT

WEAKEST = 0.3  # cells; below this standard deviation, a neighbour weighs less than 0.4 %


@dataclass(frozen=True, config=STRICT)
class Blur(Augmentation):
    """Gaussian blur with a standard deviation of up to `sigma` cells."""

    acts_on = "picture"
    needs = "any feature"

    sigma: Annotated[float, Field(ge=0.5, le=20)]

    def draw(self, rng: np.random.Generator) -> State:
        """A standard deviation in cells, of at least `WEAKEST`."""
        return {"sigma": rng.uniform(WEAKEST, self.sigma)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """`scipy.ndimage.gaussian_filter(mode="reflect", truncate=4)`."""
        sigma = state["sigma"]
        size = 1 + 2 * int(4 * sigma + 0.5)
        blurred = cv2.GaussianBlur(picture, (size, size), sigma, borderType=EDGE)
        return blurred.reshape(picture.shape)
