"""Pure: a batch of clips -> a feature. One frozen dataclass a feature, listed in FEATURES.

A feature is built from its parameters and called with clips (float32 in [-1, 1], shape
(n, samples)) and their sample rate in Hz; it returns one array with a row a clip.
"""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.pictures import draw, resample_area, to_bytes
from pipeline.spectra import (
    decibels,
    hann,
    mel_power,
    power_density,
    spectral_centroid,
)
from pipeline.validate import STRICT

Array = npt.NDArray[Any]


def _known_colour_map(name: str) -> str:
    if name not in colormaps:
        raise ValueError("should be a matplotlib colour map such as 'viridis' or 'magma'")
    return name


def _whole(value: Any) -> Any:
    if isinstance(value, bool | float):  # Literal takes true and 1.0 for 1
        raise ValueError("should be a whole number")
    return value


WHOLE = BeforeValidator(_whole)
FftLength = Annotated[int, Field(ge=16, le=16384)]
HopLength = Annotated[int, Field(ge=1, le=16384)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
ColourMap = Annotated[str, AfterValidator(_known_colour_map)]


@dataclass(frozen=True, config=STRICT)
class Grey:
    """Spectrogram in dB as a one-channel picture, lowest frequency in the first row.

    Power spectral density as `scipy.signal.spectrogram(window="hann", detrend=False)` gives
    it (full scale squared per Hz), in dB, averaged to `height` x `width`, and scaled so that
    `min_db` is 0 and `max_db` is 255. uint8 keeps it within half a step:
    (max_db - min_db) / 510 dB.
    """

    unit: ClassVar[str] = "dB from min_db to max_db in 255 steps"

    n_fft: FftLength
    hop_length: HopLength
    height: Pixels
    width: Pixels
    min_db: float
    max_db: float

    @property
    def steps_per_db(self) -> float:
        """By how much a row's values rise with a dB."""
        return 255 / (self.max_db - self.min_db)

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8 of shape (n, height, width, 1)."""
        pictures = _averaged_db(self, clips, sample_rate, hann(self.n_fft))
        scaled = (pictures - self.min_db) / (self.max_db - self.min_db)
        return to_bytes(scaled)[..., np.newaxis]


@dataclass(frozen=True, config=STRICT)
class Colour:
    """Spectrogram as matplotlib's `specgram` draws it, lowest frequency in the first row.

    Power spectral density with NumPy's Hanning window (`matplotlib.mlab.specgram`), in dB,
    averaged to `height` x `width`, drawn through the colour map over the clip's own range as
    `imshow` does. uint8: the 256 colours that matplotlib's maps have, so nothing is lost.
    """

    unit: ClassVar[str] = "RGB"
    steps_per_db: ClassVar[None] = None  # drawn over its own range, so loudness is lost

    n_fft: FftLength
    hop_length: HopLength
    height: Pixels
    width: Pixels
    min_db: float
    colour_map: ColourMap

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8 RGB of shape (n, height, width, 3)."""
        window = np.hanning(self.n_fft).astype(np.float32)
        return draw(_averaged_db(self, clips, sample_rate, window), self.colour_map)


def _averaged_db(feature: Grey | Colour, clips: Array, sample_rate: int, window: Array) -> Array:
    """Power density in dB, averaged to the feature's size; float32, shape (n, height, width)."""

    def of_clip(clip: Array) -> Array:
        density = power_density(clip, sample_rate, window, feature.hop_length)
        return resample_area(decibels(density, feature.min_db), feature.height, feature.width)

    return np.stack([of_clip(clip) for clip in clips])


@dataclass(frozen=True, config=STRICT)
class Mel:
    """Mel spectrogram in dB against a fixed reference of 1, lowest band in the first row.

    `librosa.feature.melspectrogram` and `librosa.power_to_db(ref=1.0, top_db=top_db)`.
    With one channel it is float16, within 0.04 dB; with three it is drawn like `Colour`.
    """

    n_fft: FftLength
    hop_length: HopLength
    n_mels: Annotated[int, Field(ge=1, le=512)]
    fmin: Annotated[float, Field(ge=0)]
    fmax: Annotated[float, Field(gt=0)]
    top_db: Annotated[float, Field(gt=0)]
    channels: Annotated[Literal[1, 3], WHOLE]
    colour_map: ColourMap

    @property
    def unit(self) -> str:
        """Unit of the rows' values."""
        return "dB re 1" if self.channels == 1 else "RGB"

    @property
    def steps_per_db(self) -> float | None:
        """By how much a row's values rise with a dB; None where it is drawn."""
        return 1.0 if self.channels == 1 else None

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float16 of shape (n, n_mels, frames, 1), or uint8 RGB (n, n_mels, frames, 3)."""
        filters = (self.n_fft, self.hop_length, self.n_mels, self.fmin, self.fmax)
        power = np.stack([mel_power(clip, sample_rate, *filters) for clip in clips])
        db = decibels(power, -100.0)  # power_to_db's amin=1e-10
        db = np.maximum(db, db.max(axis=(1, 2), keepdims=True) - self.top_db)
        if self.channels == 3:
            return draw(db, self.colour_map)
        return db.astype(np.float16)[..., np.newaxis]


@dataclass(frozen=True, config=STRICT)
class Centroid:
    """Spectral centroid per frame, in Hz; 0 for a silent frame.

    `librosa.feature.spectral_centroid`: the mean frequency weighted by magnitude.
    float16 keeps it within 0.05 %.
    """

    unit: ClassVar[str] = "Hz"
    steps_per_db: ClassVar[None] = None

    n_fft: FftLength
    hop_length: HopLength

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float16 of shape (n, frames)."""
        frames = (self.n_fft, self.hop_length)
        rows = np.stack([spectral_centroid(clip, sample_rate, *frames) for clip in clips])
        return rows.astype(np.float16)


Feature = Grey | Colour | Mel | Centroid
FEATURES: dict[str, type[Feature]] = {
    "grey": Grey,
    "colour": Colour,
    "mel": Mel,
    "centroid": Centroid,
}
