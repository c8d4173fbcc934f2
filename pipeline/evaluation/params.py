"""The section `evaluate` of params.yaml: how a track's genre is voted for."""

from typing import Literal

from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class EvaluateParams:
    """`vote`: the voting rule behind the headline figures."""

    vote: Literal["majority", "mean", "product"]
