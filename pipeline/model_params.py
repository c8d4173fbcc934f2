"""The section `models` of params.yaml: how each network is built and trained."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.validate import STRICT, ParamsError

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Filters = Annotated[tuple[Count, ...], Field(min_length=1, max_length=8, strict=False)]


@dataclass(frozen=True, config=STRICT)
class FitParams:
    """What every model's training is told.

    `decay` belongs to the schedule inverse_time; `warmup`, a share of all steps, to cosine.
    """

    optimizer: Literal["adam", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["inverse_time", "cosine"]
    decay: NotNegative
    warmup: Share
    momentum: Share
    epochs: Count
    batch_size: Count
    patience: Natural
    dropout: Share


@dataclass(frozen=True, config=STRICT)
class AnnParams(FitParams):
    """Training of the fully connected network; `l2` is its weight decay."""

    l2: NotNegative

    def require_input(self, shape: tuple[int, ...]) -> None:
        """Any shape will do: it is flattened."""


@dataclass(frozen=True, config=STRICT)
class CnnParams(FitParams):
    """Training of the convolutional network: a block of `filters` each, `kernel` pixels wide."""

    filters: Filters
    kernel: Annotated[int, Field(ge=1, le=31)]
    batch_norm_momentum: Share

    def require_input(self, shape: tuple[int, ...]) -> None:
        """Raise `ParamsError` unless pictures of `shape` survive a 2x2 pooling in each block."""
        if len(shape) != 3:
            raise ParamsError(
                f"model = 'cnn' needs pictures, not rows of shape {shape}; choose another "
                "feature, or model = ann"
            )
        height, width, _ = shape
        least = 2 ** len(self.filters)
        if min(height, width) < least:
            raise ParamsError(
                f"model = 'cnn' pools {len(self.filters)} times and needs at least {least} x "
                f"{least}, not {height} x {width}; raise the feature's n_mels or height, lower its "
                "hop_length or raise its width, raise segment.seconds, or shorten "
                "models.cnn.filters"
            )


ModelParams = AnnParams | CnnParams
MODEL_PARAMS: dict[str, type[AnnParams] | type[CnnParams]] = {"ann": AnnParams, "cnn": CnnParams}
