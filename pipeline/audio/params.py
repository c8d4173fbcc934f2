"""The section `segment` of params.yaml: how tracks are cut into clips."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT, WHOLE


@dataclass(frozen=True, config=STRICT)
class SegmentParams:
    """Sample rate in Hz and clip length in seconds."""

    sample_rate: Annotated[int, Field(ge=4000, le=192000)]
    seconds: Annotated[Literal[1, 2, 3, 5, 10], WHOLE]

    @property
    def clip_samples(self) -> int:
        """Samples in one clip."""
        return self.sample_rate * self.seconds
