"""Turn spectrograms into pictures of a given size, grey or coloured."""

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse
from matplotlib import colormaps

from pipeline.base.arrays import Array
from pipeline.features.shared.spectra import decibels, power_density

# Averages of equal values differ in float32's last bits, which are not to be seen.
FLAT_DB = 1e-3


@lru_cache(maxsize=32)
def area_weights(source: int, target: int) -> Any:
    """Share of each source cell in each target cell of one axis; sparse, (target, source)."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    shares = np.clip(overlap, 0, None) * (target / source)
    return scipy.sparse.csr_array(shares.astype(np.float32))


def resample_area(picture: Array, height: int, width: int) -> Array:
    """Average a picture (rows, columns) over equal areas; (height, width), same dtype."""
    rows, columns = picture.shape
    # Columns first, as spectra lie frame by frame in memory: the sparse product copies nothing.
    narrow = area_weights(columns, width) @ picture.T
    return area_weights(rows, height) @ narrow.T


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
    # Three times as fast as an index.
    return np.take(colours, np.minimum((scaled * 256).astype(np.int16), 255), axis=0)


def to_bytes(scaled: Array) -> Array:
    """Round values of [0, 1] to uint8 of [0, 255]; what is outside is clipped."""
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def averaged_db(
    clips: Array,
    sample_rate: int,
    window: Array,
    hop_length: int,
    min_db: float,
    size: tuple[int, int],
) -> Array:
    """Power spectral density in dB of each clip, averaged over equal areas.

    Parameters
    ----------
    clips : float32, shape (n, samples)
    sample_rate : int
        In Hz.
    window : float32, shape (n_fft,)
    min_db : float
        Values below it become it.
    size : (height, width)

    Returns
    -------
    float32, shape (n, height, width)
    """

    def of_clip(clip: Array) -> Array:
        density = power_density(clip, sample_rate, window, hop_length)
        return resample_area(decibels(density, min_db), *size)

    return np.stack([of_clip(clip) for clip in clips])
