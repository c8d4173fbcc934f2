"""Pure: batches of clips -> spectra, with the scale and layout of librosa, scipy and matplotlib."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal
from librosa.filters import mel as librosa_mel

Array = npt.NDArray[Any]


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
