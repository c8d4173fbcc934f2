"""Turn spectrograms into grey or coloured pictures of a given size."""

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse
from matplotlib import colormaps

from pipeline.base.arrays import Array
from pipeline.features.shared.spectra import decibels, power_density

# Averages of equal values differ in the last bits of float32, which should not show.
FLAT_DB = 1e-3


@lru_cache(maxsize=32)
def area_weights(source: int, target: int) -> Any:
    """Share of each source cell in each target cell along one axis; sparse, (target, source)."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    shares = np.clip(overlap, 0, None) * (target / source)
    return scipy.sparse.csr_array(shares.astype(np.float32))


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
    low = pictures.min(axis=(1, 2), keepdims=True)
    span = pictures.max(axis=(1, 2), keepdims=True) - low
    scaled = (pictures - low) / np.where(span > FLAT_DB, span, 1)
    colours: Array = colormaps[colour_map](np.arange(256), bytes=True)[:, :3]
    # Three times as fast as indexing.
    return np.take(colours, np.minimum((scaled * 256).astype(np.int16), 255), axis=0)


def to_bytes(scaled: Array) -> Array:
    """Scale values from [0, 1] to [0, 255] and round them to uint8; others are clipped."""
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


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
