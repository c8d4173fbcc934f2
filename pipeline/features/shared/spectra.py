"""Spectra of a clip as librosa, SciPy and matplotlib compute them, and pictures of them.

These take up to a second to import, and are imported where they compute: `check`, and what reads
rows that were computed before, need the parameters of a feature alone.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.base.types import Array

# Samples that are transformed at a time. 512 KiB fit into a core's cache, and larger blocks would
# be returned to the system when freed, and cost page faults when allocated again.
BLOCK = 2**17
# Averages of equal values differ in the last bits of float32, which should not show.
FLAT_DB = 1e-3


def spectral_centroid(clip: Array, sample_rate: int, n_fft: int, hop_length: int) -> Array:
    """Mean frequency of each frame, weighted by magnitude, in Hz.

    Parameters
    ----------
    clip : float32, shape (samples,)
    sample_rate : int
        In Hz.
    n_fft, hop_length : int
        In samples.

    Returns
    -------
    float32, shape (frames,)
        0 where a frame is silent. As in librosa, after Klapuri & Davy, "Signal Processing
        Methods for Music Transcription" (2007), chapter 5.
    """
    magnitude = centred_magnitude(clip, n_fft, hop_length)
    frequencies = np.fft.rfftfreq(n_fft, 1.0 / sample_rate).astype(np.float32)
    total = magnitude @ np.ones_like(frequencies)  # three times as fast as sum(axis=1)
    return (magnitude @ frequencies) / np.maximum(total, np.finfo(np.float32).tiny)


def mel_power(
    clip: Array,
    sample_rate: int,
    n_fft: int,
    hop_length: int,
    n_mels: int,
    fmin: float,
    fmax: float,
) -> Array:
    """Power in Slaney's mel bands, as in librosa.

    Parameters
    ----------
    clip : float32, shape (samples,)
    sample_rate : int
        In Hz.
    n_fft, hop_length : int
        In samples.
    n_mels : int
    fmin, fmax : float
        In Hz.

    Returns
    -------
    float32, shape (n_mels, frames)
    """
    power = np.square(centred_magnitude(clip, n_fft, hop_length))
    return mel_bands(sample_rate, n_fft, n_mels, fmin, fmax) @ power.T


def averaged_db(
    clips: Array,
    sample_rate: int,
    window: Array,
    hop_length: int,
    min_db: float,
    size: tuple[int, int],
) -> Array:
    """Power spectral density of each clip in dB, averaged over areas to a picture.

    Parameters
    ----------
    clips : float32, shape (n, samples)
    sample_rate : int
        In Hz.
    window : float32, shape (n_fft,)
    min_db : float
        Lower values are raised to it.
    size : (height, width)

    Returns
    -------
    float32, shape (n, height, width)
    """

    def of_clip(clip: Array) -> Array:
        density = power_density(clip, sample_rate, window, hop_length)
        return resample_area(decibels(density, min_db), *size)

    return np.stack([of_clip(clip) for clip in clips])


def centred_magnitude(clip: Array, n_fft: int, hop_length: int) -> Array:
    """Magnitude of the spectrum with a periodic Hann window, of centred, zero-padded frames.

    Parameters
    ----------
    clip : float32, shape (samples,)
    n_fft, hop_length : int
        In samples.

    Returns
    -------
    float32, shape (frames, 1 + n_fft // 2)
        As `librosa.stft` with its defaults, transposed. There are 1 + samples // hop_length frames
        if `n_fft` is even, and 1 + (samples - 1) // hop_length if it is odd.
    """
    edge = np.zeros(n_fft // 2, np.float32)
    return frame_magnitude(np.concatenate([edge, clip, edge]), hann(n_fft), hop_length)


def frame_magnitude(clip: Array, window: Array, hop_length: int) -> Array:
    """Magnitude of the spectrum of each whole frame.

    Parameters
    ----------
    clip : float32, shape (samples,)
    window : float32, shape (n_fft,)
    hop_length : int
        In samples.

    Returns
    -------
    float32, shape (frames, 1 + n_fft // 2)
    """
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(clip, len(window))[::hop_length]
    magnitude = np.empty((len(frames), 1 + len(window) // 2), np.float32)
    step = max(1, BLOCK // len(window))
    for start in range(0, len(frames), step):
        block = slice(start, start + step)
        np.abs(rfft(frames[block] * window), out=magnitude[block])
    return magnitude


def power_density(clip: Array, sample_rate: int, window: Array, hop_length: int) -> Array:
    """One-sided power spectral density of each whole frame, in full scale squared per Hz.

    Returns
    -------
    float32, shape (1 + len(window) // 2, frames)
        Welch (1967): |X|^2 / (sample_rate * sum(window^2)), doubled except at 0 and Nyquist.
    """
    density = np.square(frame_magnitude(clip, window, hop_length))
    density *= 2.0 / (sample_rate * float((window**2).sum()))
    density[:, 0] /= 2.0
    if len(window) % 2 == 0:
        density[:, -1] /= 2.0
    return density.T


def decibels(power: Array, floor_db: float) -> Array:
    """10 log10(power), but at least `floor_db`; same shape and dtype."""
    db = np.clip(power, 10.0 ** (floor_db / 10.0), np.inf)  # three times as fast as maximum
    np.log(db, out=db)  # NumPy vectorises it for float32 on more processors than log10
    db *= 10.0 / math.log(10.0)
    return db


def resample_area(picture: Array, height: int, width: int) -> Array:
    """Average a picture, shape (rows, columns), over areas; shape (height, width), same dtype."""
    rows, columns = picture.shape
    # Columns first: spectra lie in memory frame by frame, so the sparse product copies nothing.
    narrow = area_weights(columns, width) @ picture.T
    return area_weights(rows, height) @ narrow.T


def draw(pictures: Array, colour_map: str) -> Array:
    """Colour each picture over its own range of values, as matplotlib's `imshow` does.

    Parameters
    ----------
    pictures : float32, shape (n, rows, columns)

    Returns
    -------
    uint8, shape (n, rows, columns, 3)
        A picture whose values are all equal gets the first colour of the map.
    """
    from matplotlib import colormaps

    low = pictures.min(axis=(1, 2), keepdims=True)
    span = pictures.max(axis=(1, 2), keepdims=True) - low
    scaled = (pictures - low) / np.where(span > FLAT_DB, span, 1)
    colours: Array = colormaps[colour_map](np.arange(256), bytes=True)[:, :3]
    # Three times as fast as indexing.
    return np.take(colours, np.minimum((scaled * 256).astype(np.int16), 255), axis=0)


def to_bytes(scaled: Array) -> Array:
    """Scale values from [0, 1] to [0, 255] and round them to uint8; others are clipped."""
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


@lru_cache(maxsize=8)
def hann(n_fft: int) -> Array:
    """Periodic Hann window, `scipy.signal.get_window("hann", n_fft)`; float32, shape (n_fft,)."""
    return np.hanning(n_fft + 1)[:-1].astype(np.float32)


@lru_cache(maxsize=8)
def mel_bands(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Any:
    """Slaney's mel filters, from `librosa.filters.mel`; sparse, (n_mels, 1 + n_fft // 2)."""
    from librosa.filters import mel
    from scipy.sparse import csr_array

    filters = mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    return csr_array(filters)  # each bin is in at most two bands


@lru_cache(maxsize=32)
def area_weights(source: int, target: int) -> Any:
    """Share of each source cell in each target cell along one axis; sparse, (target, source)."""
    from scipy.sparse import csr_array

    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    shares = np.clip(overlap, 0, None) * (target / source)
    return csr_array(shares.astype(np.float32))
