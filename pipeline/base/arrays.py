"""Types of arrays that several rooms share."""

from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class Rows(Protocol):
    """Feature rows that are indexed by an array of row numbers, and may stay on disk until then.

    Attributes
    ----------
    shape : tuple of int
        (n, ...)
    """

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        ...

    def __getitem__(self, index: Array, /) -> Array: ...
