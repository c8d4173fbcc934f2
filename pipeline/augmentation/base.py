"""What a kind of augmentation is: a frozen dataclass of its ranges, which draws and applies."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np

from pipeline.base.arrays import Array

State = dict[str, Any]

ActsOn = Literal["sound", "picture", "decibels"]
Needs = Literal["any feature", "picture", "decibels"]
SOUND, PICTURE, DECIBELS, ANY = "sound", "picture", "decibels", "any feature"


class Augmentation(ABC):
    """Base of all kinds of augmentation; a subclass is a frozen pydantic dataclass of its ranges.

    Its fields are the section of its name under `augment` in params.yaml: `TimeMask` is
    `time_mask` there.

    Attributes
    ----------
    acts_on : str
        What `apply` gets: SOUND, PICTURE or DECIBELS.
    needs : str
        Which features it can change: ANY, PICTURE or DECIBELS.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    acts_on: ClassVar[ActsOn]
    needs: ClassVar[Needs]

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> State:
        """Everything that is left to chance, as JSON can hold it."""

    @staticmethod
    @abstractmethod
    def apply(x: Array, state: State, /) -> Array:
        """Return the same shape and dtype; may be a view of `x`, which stays as it is."""
