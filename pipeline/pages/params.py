"""The section `report` of params.yaml: which tracks the page holds sound and pictures of."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT

WRONG, ALL = "wrong", "all"


def _known(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value not in (WRONG, ALL) and not number:
        raise ValueError(f"should be {WRONG}, {ALL} or a number of tracks")
    return value


@dataclass(frozen=True, config=STRICT)
class ReportParams:
    """`tracks`: those judged wrong, all, or so many of those that are worth a look first."""

    tracks: Annotated[Literal["wrong", "all"] | int, BeforeValidator(_known)]
