"""The kind `flip`: high frequencies become low ones."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Flip(Augmentation):
    """High frequencies become low ones."""

    acts_on = "picture"
    needs = "picture"

    def draw(self, rng: np.random.Generator) -> State:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:  # noqa: ARG004
        """The bands in reverse order."""
        return picture[::-1]
