"""The kind `time_mask`: a stretch of time is hidden."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.masks import Width, draw_mask, masked_cells
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class TimeMask(Augmentation):
    """A stretch of time, up to the share `width` of the clip, is hidden."""

    acts_on = "picture"
    needs = "any feature"

    width: Width

    def draw(self, rng: np.random.Generator) -> State:
        """Width and start, as shares of the clip."""
        return draw_mask(self.width, rng)

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """At least one frame takes the picture's mean."""
        masked = picture.copy()
        masked[:, masked_cells(state, picture.shape[1])] = picture.mean(axis=(0, 1))
        return masked
