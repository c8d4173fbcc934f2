"""Types that several packages share: arrays, results of a recipe, and fields of params.yaml."""

from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy.typing as npt
from pydantic import ConfigDict, Field

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


# For the dataclass of every section: no unknown key, no text for a number, no infinity.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Result:
    """The result of a recipe for a track.

    Attributes
    ----------
    facts : dict
        Values that JSON can hold.
    rows : array, shape (clips, ...), or None for a track without any
    """

    facts: dict[str, Any]
    rows: Array | None
