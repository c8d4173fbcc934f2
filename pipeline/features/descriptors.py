"""The feature `descriptors`: summary statistics of the usual spectral descriptors."""

import warnings
from collections.abc import Iterator
from itertools import count
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.base.compilation import compile_librosa
from pipeline.base.errors import ParamsError
from pipeline.base.types import STRICT, Array
from pipeline.features.shared.feature import SpectralFeature
from pipeline.features.shared.spectra import centred_magnitude

LOWEST_HZ, BANDS = 200, 6  # of the octaves of the spectral contrast, by librosa's defaults
N_MELS = 128  # of which librosa computes the MFCC by default, so there are no more of them
# librosa warns of silence, and of bands that are narrower than the frames resolve. Filters belong
# to the whole process, so that `warnings.catch_warnings` in one thread would undo those of another.
for _text in ("Trying to estimate tuning from empty", "Empty filters detected in mel frequency"):
    warnings.filterwarnings("ignore", _text, UserWarning)


def contrast_bands(sample_rate: int) -> int:
    """Number of octaves above LOWEST_HZ that begin below half the sample rate, at most BANDS."""
    return sum(2 * LOWEST_HZ * 2**octave < sample_rate for octave in range(BANDS))


def least_n_fft(sample_rate: int) -> int:
    """Shortest frame of which a frequency besides 0 is in the contrast's band below LOWEST_HZ.

    Where none is, librosa averages nothing. It takes the frequencies from the number of bins, so
    that an odd `n_fft` counts as one less; this one is even.
    """
    return next(n for n in count(2, 2) if np.fft.rfftfreq(n, 1 / sample_rate)[1] <= LOWEST_HZ)


@dataclass(frozen=True, config=STRICT)
class Descriptors(SpectralFeature):
    """Mean and standard deviation over a clip of librosa's spectral descriptors, and its tempo.

    In this order: `n_mfcc` MFCC, 12 chroma, spectral centroid, bandwidth, up to 7 bands of
    contrast, rolloff, flatness, zero-crossing rate and RMS: first all means, then all standard
    deviations, then the tempo in beats per minute. All are computed by librosa with its default
    parameters, except `n_fft` and `hop_length`.
    """

    n_mfcc: Annotated[int, Field(ge=1, le=N_MELS, examples=[20])]

    unit = "mixed"
    is_vector = True

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return float32, (n, 2 * (n_mfcc + 25) + 1), or fewer values at low sample rates."""
        return np.stack([self._vector(clip, sample_rate) for clip in clips]).astype(np.float32)

    def template(self, clip_samples: int, sample_rate: int) -> Array:  # noqa: ARG002
        """The shape follows from the parameters: librosa is not loaded."""
        over_time = self.n_mfcc + 12 + (1 + contrast_bands(sample_rate)) + 6
        return np.empty((0, 2 * over_time + 1), np.float32)

    def check(self, key: str, clip_samples: int, sample_rate: int) -> None:
        """Require, besides what every spectrum needs, that no band of the contrast is empty."""
        super().check(key, clip_samples, sample_rate)
        least = least_n_fft(sample_rate)
        if self.n_fft < least:
            raise ParamsError(
                f"{key}.n_fft = {self.n_fft}: should be at least {least} for segment.sample_rate = "
                f"{sample_rate}, or the lowest band of the spectral contrast is empty"
            )

    def _vector(self, clip: Array, sample_rate: int) -> Array:
        compile_librosa()
        from librosa.feature import tempo

        over_time = np.concatenate(list(self._over_time(clip, sample_rate)))
        beats = tempo(y=clip, sr=sample_rate, hop_length=self.hop_length)
        return np.concatenate([over_time.mean(axis=1), over_time.std(axis=1), beats])

    def _over_time(self, clip: Array, sample_rate: int) -> Iterator[Array]:
        """Each descriptor as an array of shape (values, frames)."""
        from librosa import feature, power_to_db

        magnitude = centred_magnitude(clip, self.n_fft, self.hop_length).T
        power = magnitude**2
        frames = {"frame_length": self.n_fft, "hop_length": self.hop_length}
        mel = feature.melspectrogram(S=power, sr=sample_rate)
        yield feature.mfcc(S=power_to_db(mel), n_mfcc=self.n_mfcc)
        yield feature.chroma_stft(S=power, sr=sample_rate, n_fft=self.n_fft)
        yield feature.spectral_centroid(S=magnitude, sr=sample_rate)
        yield feature.spectral_bandwidth(S=magnitude, sr=sample_rate)
        yield feature.spectral_contrast(
            S=magnitude, sr=sample_rate, n_bands=contrast_bands(sample_rate)
        )
        yield feature.spectral_rolloff(S=magnitude, sr=sample_rate)
        yield feature.spectral_flatness(S=magnitude)
        yield feature.zero_crossing_rate(clip, **frames)
        yield feature.rms(S=magnitude, **frames)
