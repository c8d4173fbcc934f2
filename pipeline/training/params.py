"""The section `train` of params.yaml, and what every network's section under `models` has."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT, Count, Natural, NotNegative, Share


@dataclass(frozen=True, config=STRICT)
class TrainParams:
    """`validation`: share of each genre's training tracks; `precision`: arithmetic."""

    validation: Annotated[float, Field(gt=0, lt=1)]
    precision: Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, config=STRICT)
class FitParams:
    """What every network's training is told; a network's own parameters derive from it.

    `decay` belongs to the schedule inverse_time; `warmup`, a share of all steps, to cosine;
    `momentum` to the optimizer sgd.
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

    def check(self, key: str) -> None:
        """Raise `ParamsError` where a parameter has no effect beside the others, and is not 0.

        Parameters
        ----------
        key : str
            Where the parameters stand, such as `models.ann`, for the error.
        """
        without_effect = {
            "momentum": self.optimizer != "sgd" and "optimizer sgd",
            "decay": self.schedule != "inverse_time" and "schedule inverse_time",
            "warmup": self.schedule != "cosine" and "schedule cosine",
        }
        for name, needed in without_effect.items():
            value = getattr(self, name)
            if needed and value:
                raise ParamsError(
                    f"{key}.{name} = {value:g}: has an effect with the {needed} alone; set it to 0"
                )

    def require_input(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise `ParamsError` unless the network `name` can take rows of `shape`; any will do."""
