"""Pure: a batch of clips -> a feature. One frozen dataclass a feature, listed in FEATURES.

A feature is built from its parameters and called with clips (float32 in [-1, 1], shape
(n, samples)) and their sample rate in Hz; it returns one array with a row a clip.
"""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.signal
from matplotlib import colormaps
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from pipeline.pictures import draw, resample_area, to_bytes
from pipeline.spectra import (
    centred_spectrum,
    decibels,
    mel_bands,
    power_density,
    spectral_centroid,
    squared_magnitude,
)

Array = npt.NDArray[Any]

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


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

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8 of shape (n, height, width, 1)."""
        window = scipy.signal.get_window("hann", self.n_fft).astype(np.float32)
        db = decibels(power_density(clips, sample_rate, window, self.hop_length), self.min_db)
        picture = resample_area(db, self.height, self.width)
        scaled = (picture - self.min_db) / (self.max_db - self.min_db)
        return to_bytes(scaled)[..., np.newaxis]


@dataclass(frozen=True, config=STRICT)
class Colour:
    """Spectrogram as matplotlib's `specgram` draws it, lowest frequency in the first row.

    Power spectral density with NumPy's Hanning window (`matplotlib.mlab.specgram`), in dB,
    averaged to `height` x `width`, drawn through the colour map over the clip's own range as
    `imshow` does. uint8: the 256 colours that matplotlib's maps have, so nothing is lost.
    """

    unit: ClassVar[str] = "RGB"

    n_fft: FftLength
    hop_length: HopLength
    height: Pixels
    width: Pixels
    min_db: float
    colour_map: ColourMap

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8 RGB of shape (n, height, width, 3)."""
        window = np.hanning(self.n_fft).astype(np.float32)
        db = decibels(power_density(clips, sample_rate, window, self.hop_length), self.min_db)
        return draw(resample_area(db, self.height, self.width), self.colour_map)


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

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float16 of shape (n, n_mels, frames, 1), or uint8 RGB (n, n_mels, frames, 3)."""
        spectrum = centred_spectrum(clips, self.n_fft, self.hop_length)
        bands = mel_bands(sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax)
        power = (squared_magnitude(spectrum) @ bands).swapaxes(1, 2)
        db = 10.0 * np.log10(np.maximum(power, 1e-10))
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

    n_fft: FftLength
    hop_length: HopLength

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float16 of shape (n, frames)."""
        return spectral_centroid(clips, sample_rate, self.n_fft, self.hop_length).astype(np.float16)


Feature = Grey | Colour | Mel | Centroid
FEATURES: dict[str, type[Feature]] = {
    "grey": Grey,
    "colour": Colour,
    "mel": Mel,
    "centroid": Centroid,
}
