"""The section `dataset` of params.yaml: where the audio is."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.base.fields import STRICT


def _without_home(path: str) -> str:
    if path.startswith("~"):
        raise ValueError("should not start with ~, which DVC does not know; write the whole path")
    return path


@dataclass(frozen=True, config=STRICT)
class DatasetParams:
    """Path of the dataset folder."""

    path: Annotated[str, Field(min_length=1), AfterValidator(_without_home)]

    @property
    def folder(self) -> Path:
        """The folder."""
        return Path(self.path)
