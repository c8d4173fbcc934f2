"""The section `evaluate` of params.yaml: how the clips of a track vote for its genre."""

from typing import Literal

from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class EvaluateParams:
    """Voting rule of the main figures."""

    vote: Literal["majority", "mean", "product"]
