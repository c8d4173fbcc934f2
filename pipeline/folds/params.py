"""The section `split` of params.yaml: how tracks are assigned to folds."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT

ProtocolName = Literal["song", "artist", "filtered", "given", "clip"]
Folds = Annotated[int, Field(ge=2, le=100)]


@dataclass(frozen=True, config=STRICT)
class SplitParams:
    """Protocol and number of folds; `judge` and `seeds` are for a single split instead of folds."""

    protocol: ProtocolName
    folds: Folds
    judge: Literal["test", "valid"]
    seeds: Folds
