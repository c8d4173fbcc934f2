"""The section `demo` of params.yaml: the size of the synthetic dataset."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class DemoParams:
    """Size of the synthetic dataset; `seconds` is the length of a track."""

    tracks_per_genre: Annotated[int, Field(ge=1, le=1000)]
    artists_per_genre: Annotated[int, Field(ge=1, le=1000)]
    seconds: Annotated[float, Field(ge=1, le=60)]
    unlabelled: Annotated[int, Field(ge=0, le=1000)]
