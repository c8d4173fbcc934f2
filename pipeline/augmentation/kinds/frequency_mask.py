"""The kind `frequency_mask`: some neighbouring bands are hidden."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.augmentation.kinds.shared.masks import Width, draw_mask, masked_cells
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class FrequencyMask(Augmentation):
    """Neighbouring bands, up to the share `width` of all, are hidden."""

    acts_on = "picture"
    needs = "picture"

    width: Width

    def draw(self, rng: np.random.Generator) -> State:
        """Width and start, as shares of all bands."""
        return draw_mask(self.width, rng)

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """At least one band takes the picture's mean."""
        masked = picture.copy()
        masked[masked_cells(state, picture.shape[0])] = picture.mean(axis=(0, 1))
        return masked
