"""What a kind of augmentation is: a frozen dataclass of its ranges, which draws and applies."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np

from pipeline.base.arrays import Array

State = dict[str, Any]


class Augmentation(ABC):
    """Base of all kinds: the file `pipeline/augmentation/kinds/<name>.py` defines the one <name>.

    A subclass is a frozen pydantic dataclass. Its fields are the ranges to draw from: the section
    `augment.<name>` of params.yaml.

    Attributes
    ----------
    acts_on : str
        What `apply` takes and returns, as float32:

        ``"sound"``
            a clip of shape (samples,); full scale is 1, and what goes beyond it is kept;
        ``"picture"``
            a row of shape (height, width, channels) in its own values: frequency up, time across;
        ``"decibels"``
            a row of shape (bands, frames, 1) in dB against any reference.
    needs : str
        Which features it can change: ``"any feature"``, ``"picture"`` or ``"decibels"``.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    acts_on: ClassVar[Literal["sound", "picture", "decibels"]]
    needs: ClassVar[Literal["any feature", "picture", "decibels"]]

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> State:
        """Draw everything that is left to chance, as values that JSON can hold."""

    @staticmethod
    @abstractmethod
    def apply(x: Array, state: State, /) -> Array:
        """Return `x` changed as `state` says, in the same shape and dtype.

        The result may be a view of `x`, which itself is not modified. It follows from `x` and
        `state` alone, so that a sample can be made again when the ranges are others.
        """
