"""Base classes of features, the recipe that computes one, and the features by their names."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.audio.clips import Pcm, from_pcm
from pipeline.base.errors import ParamsError
from pipeline.base.files import source_of
from pipeline.base.params import (
    choice,
    class_in,
    entry_of,
    lookup,
    names_in,
    one_of,
    parse,
    section,
)
from pipeline.base.types import STRICT, Array, Result

SOURCES = ("pipeline/audio/clips.py", "pipeline/features/shared")

PACKAGE = "pipeline.features"
LISTED = "features"  # the key of the list of features to extract
MOST_VALUES = 1 << 27  # in all frames of a clip
MOST_TAGS = 3  # that are shown of a track


def _known_colour_map(name: str) -> str:
    from matplotlib import colormaps  # slow to import, and few stages need it

    if name not in colormaps:
        raise ValueError("should be a matplotlib colour map such as 'viridis' or 'magma'")
    return name


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
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    @abstractmethod
    def unit(self) -> str:
        """Unit of the rows' values."""

    @property
    def steps_per_db(self) -> float | None:
        """By how much a row's values rise per dB of level; None if they are on no such scale."""
        return None

    @property
    def is_vector(self) -> bool:
        """Whether each value of a row is a quantity with a scale of its own.

        Otherwise a row is a picture, or values over time.
        """
        return False

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides the rows, as in dvc.yaml."""
        return (*SOURCES, source_of(self))

    @property
    def versions(self) -> str:
        """The version of what determines the rows besides the code, such as a file of weights."""
        return ""

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of the tags whose probabilities a row holds, in the order of `tags`."""
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
        """Return an empty array, shape (0, ...), with the shape and dtype of the rows.

        By default a row of silence is computed. A feature that would wait for librosa says which
        shape follows from its parameters, as `check` asks for nothing else.
        """
        return self(np.zeros((1, clip_samples), np.float32), sample_rate)[:0]


@strict_dataclass(frozen=True, config=STRICT)
class SpectralFeature(Feature):
    """Base class of features computed from short-time spectra; both lengths are in samples."""

    n_fft: FftLength
    hop_length: HopLength

    def frame_count(self, clip_samples: int) -> int:
        """Number of centred frames in a clip, as `centred_magnitude` makes them."""
        return 1 + (clip_samples - self.n_fft % 2) // self.hop_length

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


@strict_dataclass(frozen=True, config=STRICT)
class PictureFeature(SpectralFeature):
    """Base class of spectrograms that are averaged to a picture of `height` x `width` cells."""

    height: Pixels
    width: Pixels

    def changes_for(self, least: int, clip_samples: int) -> dict[str, str]:  # noqa: ARG002
        """Return which sides of the picture have to be longer."""
        sides = {"height": self.height, "width": self.width}
        return {name: f"at least {least}" for name, cells in sides.items() if cells < least}


@dataclass(frozen=True)
class ExtractFeature:
    """Recipe that turns int16 clips, shape (n, samples), into one feature row for each clip.

    Attributes
    ----------
    feature : Feature
    sample_rate : int
        In Hz.
    versions : str
        Those of the feature, for the address.
    """

    feature: Feature
    sample_rate: int
    versions: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides the rows, as in dvc.yaml."""
        return self.feature.sources

    def __call__(self, pcm: Pcm) -> Result:
        """Return rows with the shape and dtype of the feature."""
        # One clip at a time: arrays this small are allocated from memory that was just freed.
        rows = [self.feature(from_pcm(clip[np.newaxis]), self.sample_rate) for clip in pcm]
        return Result({}, np.concatenate(rows))


def feature_names() -> tuple[str, ...]:
    """Names of all features, sorted: the file names in `pipeline/features`."""
    return names_in(PACKAGE)


def feature_class(name: str) -> type[Feature]:
    """Class of the feature `name`, one of `feature_names()`."""
    return class_in(entry_of(PACKAGE, name), Feature)


def parse_extract(value: Any) -> dict[str, Feature]:
    """Parse the section into the features to extract, by name.

    The parameters of the other features have to be valid as well.

    Raises
    ------
    ParamsError
        A value is wrong; the message names its key and what would be right.
    """
    known = feature_names()
    content = section(value, "extract", [LISTED, *known])
    features = {
        name: parse(feature_class(name), content[name], f"extract.{name}") for name in known
    }
    listed = content[LISTED]
    if not isinstance(listed, list) or not listed:
        raise ParamsError(f"extract.{LISTED} = {listed!r}: should be a list of {one_of(known)}")
    for index, name in enumerate(listed):
        choice(name, f"extract.{LISTED}.{index}", known)
        if name in listed[:index]:
            raise ParamsError(f"extract.{LISTED}.{index} = {name!r}: should be listed once")
    return {name: features[name] for name in listed}


def read_feature(name: str, document: Mapping[str, Any] | None = None) -> Feature:
    """Read the feature `name` and its parameters from `document`, by default params.yaml."""
    return parse(feature_class(name), lookup(f"extract.{name}", document), f"extract.{name}")


def described_feature(description: Mapping[str, Any]) -> Feature | None:
    """Feature whose rows a store holds, by its description; None if the user made the store."""
    name = description.get("name")
    if name in feature_names() and "params" in description:
        return parse(feature_class(str(name)), description["params"], "store.params")
    return None


def strongest_tags(names: Sequence[str], probabilities: Array) -> list[str]:
    """The tags with the highest mean over a track's clips, such as "jazz 61 %", best first.

    Parameters
    ----------
    names : sequence of str
        Empty if the feature has no tags.
    probabilities : array, shape (clips, tags)
    """
    if not names:
        return []
    means = probabilities.mean(axis=0)
    best = (-means).argsort(kind="stable")[:MOST_TAGS]
    return [f"{names[tag]} {100 * means[tag]:.0f} %" for tag in best]
