"""The base class of features: frozen dataclasses of parameters that turn clips into rows."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from matplotlib import colormaps
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.base.arrays import Array
from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT


def _known_colour_map(name: str) -> str:
    if name not in colormaps:
        raise ValueError("should be a matplotlib colour map such as 'viridis' or 'magma'")
    return name


MOST_VALUES = 1 << 27  # of all frames of a clip
FftLength = Annotated[int, Field(ge=16, le=16384, examples=[256])]
HopLength = Annotated[int, Field(ge=1, le=16384, examples=[128])]
# Levels of which float32 holds the power: from 1e-30 to 1e30.
Decibels = Annotated[float, Field(ge=-300, le=300)]
Pixels = Annotated[int, Field(ge=1, le=4096, examples=[16])]
ColourMap = Annotated[str, AfterValidator(_known_colour_map), Field(examples=["viridis"])]


class Feature(ABC):
    """Base class of features; the file `pipeline/features/<name>.py` defines the feature <name>.

    A subclass is a frozen pydantic dataclass whose fields are the keys of `extract.<name>` in
    params.yaml. Equal instances compute equal rows.

    Attributes
    ----------
    unit : str
        Unit of the rows' values.
    steps_per_db : float or None
        By how much a row's values rise per dB of level; None if they are not on such a scale.
    is_vector : bool
        Whether the values of a row are quantities of their own, each with its own scale, rather
        than a picture or values over time.
    sources : str
        What determines the rows besides the code and the parameters, such as a file of weights.
    tag_names : tuple of str
        Names of the tags whose probabilities a row holds, in the order of `tags`.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    @abstractmethod
    def unit(self) -> str:
        """Unit of the rows' values."""

    @property
    def steps_per_db(self) -> float | None:
        """By how much a row's values rise per dB of level."""
        return None

    @property
    def is_vector(self) -> bool:
        """Whether the values of a row are quantities of their own."""
        return False

    @property
    def sources(self) -> str:
        """What determines the rows besides the code and the parameters."""
        return ""

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of the tags whose probabilities a row holds."""
        return ()

    def tags(self, rows: Array) -> Array:
        """Return the probabilities of the tags that rows hold, shape (n, tags); by default none."""
        return np.empty((len(rows), 0), np.float32)

    @abstractmethod
    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Compute one row for each clip, from that clip alone.

        Parameters
        ----------
        clips : float32, shape (n, samples)
            Full scale is 1.
        sample_rate : int
            In Hz.

        Returns
        -------
        array, shape (n, ...)
            float16, float32 or uint8; (n, height, width, channels) for pictures, (n, frames) for
            values over time, (n, values) for vectors.
        """

    def check(self, key: str, clip_samples: int, sample_rate: int) -> None:  # noqa: B027
        """Check that the parameters go together, and with the clips; by default they do.

        Parameters
        ----------
        key : str
            Key of the parameters, such as `extract.mel`, for the error.
        clip_samples : int
            Length of a clip in samples.
        sample_rate : int
            In Hz.

        Raises
        ------
        ParamsError
            They do not.
        """

    def changes_for(self, least: int, clip_samples: int) -> dict[str, str]:  # noqa: ARG002
        """Return what to change for pictures of at least `least` x `least`.

        Parameters
        ----------
        least : int
            Height and width in cells.
        clip_samples : int
            Length of a clip in samples.

        Returns
        -------
        dict
            A range for each parameter that is outside it, such as {"hop_length": "at most 900"};
            empty where nothing helps, as the rows are no pictures.
        """
        return {}

    def template(self, clip_samples: int, sample_rate: int) -> Array:
        """Return an empty array, shape (0, ...), with the shape and dtype of the rows."""
        return self(np.zeros((1, clip_samples), np.float32), sample_rate)[:0]


@dataclass(frozen=True, config=STRICT)
class SpectralFeature(Feature):
    """Base class of features computed from short-time spectra; both lengths are in samples."""

    n_fft: FftLength
    hop_length: HopLength

    def check(self, key: str, clip_samples: int, sample_rate: int) -> None:  # noqa: ARG002
        """Require that a frame fits into a clip, and a clip's spectra into memory."""
        if self.n_fft > clip_samples:
            raise ParamsError(
                f"{key}.n_fft = {self.n_fft}: should be at most a clip's {clip_samples} samples"
            )
        least = -(-clip_samples * self.n_fft // MOST_VALUES)
        if self.hop_length < least:
            raise ParamsError(
                f"{key}.hop_length = {self.hop_length}: should be at least {least} for clips of "
                f"{clip_samples} samples and n_fft = {self.n_fft}; a smaller hop would need too "
                "much memory"
            )


@dataclass(frozen=True, config=STRICT)
class PictureFeature(SpectralFeature):
    """Base class of spectrograms that are averaged to a picture of `height` x `width` cells."""

    height: Pixels
    width: Pixels

    def changes_for(self, least: int, clip_samples: int) -> dict[str, str]:  # noqa: ARG002
        """Return which sides of the picture have to be longer."""
        sides = {"height": self.height, "width": self.width}
        return {name: f"at least {least}" for name, cells in sides.items() if cells < least}
