"""Pure: a batch of clips -> a feature. One frozen dataclass a feature, listed in FEATURES.

A feature is built from its parameters and called with clips (float32 in [-1, 1], shape
(n, samples)) and their sample rate in Hz; it returns one array with a row a clip.
"""

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal
from librosa.filters import mel as librosa_mel
from matplotlib import colormaps
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

Array = npt.NDArray[Any]

# Averages of equal values differ in float32's last bits, which are not to be seen.
FLAT_DB = 1e-3
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


def spectral_centroid(clips: Array, sample_rate: int, n_fft: int, hop_length: int) -> Array:
    """Mean frequency of each frame weighted by magnitude, in Hz.

    Parameters
    ----------
    clips : float32, shape (n, samples)
    sample_rate : int
        In Hz.

    Returns
    -------
    float32, shape (n, frames)
        0 where a frame is silent. Klapuri & Davy, "Signal Processing Methods for Music
        Transcription" (2007), ch. 5, as librosa computes it.
    """
    magnitude = np.sqrt(squared_magnitude(centred_spectrum(clips, n_fft, hop_length)))
    frequencies = np.fft.rfftfreq(n_fft, 1.0 / sample_rate).astype(np.float32)
    total = magnitude.sum(axis=-1)
    return (magnitude @ frequencies) / np.maximum(total, np.finfo(np.float32).tiny)


def centred_spectrum(clips: Array, n_fft: int, hop_length: int) -> Array:
    """Short-time Fourier transform with periodic Hann window, frames centred, zero-padded.

    Returns
    -------
    complex64, shape (n, frames, 1 + n_fft // 2), frames = 1 + samples // hop_length
        `librosa.stft` with its defaults, frames before bins.
    """
    padded = np.pad(clips, ((0, 0), (n_fft // 2, n_fft // 2)))
    window = scipy.signal.get_window("hann", n_fft).astype(np.float32)
    return windowed_spectrum(padded, window, hop_length)


def windowed_spectrum(clips: Array, window: Array, hop_length: int) -> Array:
    """Spectrum of each whole frame; complex64, shape (n, frames, 1 + len(window) // 2)."""
    frames = np.lib.stride_tricks.sliding_window_view(clips, len(window), axis=1)
    spectrum: Array = scipy.fft.rfft(frames[:, ::hop_length] * window, axis=-1)
    return spectrum


def squared_magnitude(spectrum: Array) -> Array:
    """Squared magnitude of complex64, as float32 of the same shape."""
    power: Array = spectrum.real**2 + spectrum.imag**2
    return power


def power_density(clips: Array, sample_rate: int, window: Array, hop_length: int) -> Array:
    """One-sided power spectral density of each whole frame, in full scale squared per Hz.

    Returns
    -------
    float32, shape (n, 1 + len(window) // 2, frames)
        Welch (1967): |X|^2 / (sample_rate * sum(window^2)), doubled except at 0 and Nyquist.
    """
    density = squared_magnitude(windowed_spectrum(clips, window, hop_length))
    density *= 1.0 / (sample_rate * float((window**2).sum()))
    nyquist = -1 if len(window) % 2 == 0 else None
    density[..., 1:nyquist] *= 2.0
    return density.swapaxes(1, 2)


def decibels(power: Array, floor_db: float) -> Array:
    """10 log10(power), never below `floor_db`; same shape and dtype."""
    return np.asarray(10.0 * np.log10(np.maximum(power, 10.0 ** (floor_db / 10.0))), power.dtype)


@lru_cache(maxsize=8)
def mel_bands(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Array:
    """Slaney's mel filters of `librosa.filters.mel`; float32, shape (1 + n_fft // 2, n_mels)."""
    filters = librosa_mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    return np.ascontiguousarray(filters.T)


@lru_cache(maxsize=32)
def area_weights(source: int, target: int) -> Array:
    """Share of each source cell in each target cell of one axis; float32, (target, source)."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return (np.clip(overlap, 0, None) * (target / source)).astype(np.float32)


def resample_area(pictures: Array, height: int, width: int) -> Array:
    """Average pictures (n, rows, columns) over equal areas; (n, height, width), same dtype."""
    rows, columns = pictures.shape[1:]
    return area_weights(rows, height) @ pictures @ area_weights(columns, width).T


def draw(pictures: Array, colour_map: str) -> Array:
    """Colour each picture over its own range, as matplotlib's `imshow` does.

    Parameters
    ----------
    pictures : float32, shape (n, rows, columns)

    Returns
    -------
    uint8, shape (n, rows, columns, 3)
        A picture of one value everywhere gets the map's first colour.
    """
    low = pictures.min(axis=(1, 2), keepdims=True)
    span = pictures.max(axis=(1, 2), keepdims=True) - low
    scaled = (pictures - low) / np.where(span > FLAT_DB, span, 1)
    colours: Array = colormaps[colour_map](np.arange(256), bytes=True)[:, :3]
    return colours[np.minimum((scaled * 256).astype(np.int16), 255)]


def to_bytes(scaled: Array) -> Array:
    """Round values of [0, 1] to uint8 of [0, 255]; what is outside is clipped."""
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
