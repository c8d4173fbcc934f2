"""The section `dataset` of params.yaml: where the audio is."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT


@dataclass(frozen=True, config=STRICT)
class DatasetParams:
    """Path of the dataset folder; `~` stands for the user's home."""

    path: Annotated[str, Field(min_length=1)]

    @property
    def folder(self) -> Path:
        """The folder with `~` expanded.

        Raises
        ------
        ParamsError
            The path is in the home of a user who does not exist.
        """
        try:
            return Path(self.path).expanduser()
        except RuntimeError:
            raise ParamsError(f"dataset.path = {self.path!r}: no such user") from None
