"""The kind `mirror`: time runs backwards."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class Mirror(Augmentation):
    """Time runs backwards."""

    acts_on = "picture"
    needs = "any feature"

    def draw(self, rng: np.random.Generator) -> State:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:  # noqa: ARG004
        """The frames in reverse order."""
        return picture[:, ::-1]
