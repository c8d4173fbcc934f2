"""What a kind of augmentation is: a frozen dataclass of its ranges, which draws and applies."""

from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
State = dict[str, Any]

ActsOn = Literal["sound", "picture", "decibels"]
Needs = Literal["any feature", "picture", "decibels"]
SOUND, PICTURE, DECIBELS, ANY = "sound", "picture", "decibels", "any feature"


class Kind(Protocol):
    """An augmentation with its ranges.

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

    def draw(self, rng: np.random.Generator) -> State:
        """All that is left to chance, as JSON can hold it."""

    @staticmethod
    def apply(x: Array, state: State, /) -> Array:
        """The same shape and dtype; may be a view of `x`, which it leaves alone."""
