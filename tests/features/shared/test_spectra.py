"""Spectra, averages over areas and colours beside slow implementations and libraries."""

from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps
from signals import (
    SAMPLE_RATE,
    SIGNALS,
    every_signal,
    scipy_density,
    slow_area_average,
)

from pipeline.features.shared import spectra
from pipeline.features.shared.spectra import (
    centred_magnitude,
    draw,
    hann,
    power_density,
    resample_area,
)

# A cancellation in float32 leaves about 1e-6 of a frame's strongest bin.
DENSITY_SHARE = 1e-6
MAGNITUDE_SHARE = 1e-6


@every_signal
@pytest.mark.parametrize(
    ("n_fft", "hop_length"),
    [(512, 256), (512, 50), (255, 255), (64, 200)],
    ids=["default", "more than a block", "odd", "gaps"],
)
def test_power_density_is_scipys(name: str, n_fft: int, hop_length: int) -> None:
    if hop_length > n_fft:  # SciPy allows no gaps between frames: take every fourth of smaller hops
        expected = scipy_density(SIGNALS[name], n_fft, hop_length // 4)[:, ::4]
    else:
        expected = scipy_density(SIGNALS[name], n_fft, hop_length)
    actual = power_density(SIGNALS[name], SAMPLE_RATE, hann(n_fft), hop_length)
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=DENSITY_SHARE * expected.max())


@every_signal
@pytest.mark.parametrize(("n_fft", "hop_length"), [(2048, 512), (255, 100)])
def test_centred_magnitude_is_librosas(name: str, n_fft: int, hop_length: int) -> None:
    stft = librosa.stft(
        SIGNALS[name].astype(np.float64), n_fft=n_fft, hop_length=hop_length, dtype=np.complex128
    )
    actual = centred_magnitude(SIGNALS[name], n_fft, hop_length)
    assert actual.dtype == np.float32
    expected = np.abs(stft).T
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=MAGNITUDE_SHARE * expected.max())


@given(st.integers(16, 300), st.integers(1, 300), st.integers(300, 2000))
def test_frame_counts(n_fft: int, hop_length: int, samples: int) -> None:
    clip = np.ones(samples, np.float32)
    padded = samples + 2 * (n_fft // 2)
    centred = len(range(0, padded - n_fft + 1, hop_length))
    assert centred == 1 + (samples - n_fft % 2) // hop_length
    assert centred_magnitude(clip, n_fft, hop_length).shape == (centred, n_fft // 2 + 1)
    whole = len(range(0, samples - n_fft + 1, hop_length))
    density = power_density(clip, SAMPLE_RATE, np.ones(n_fft, np.float32), hop_length)
    assert density.shape == (n_fft // 2 + 1, whole)


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = centred_magnitude(SIGNALS["noise"], 512, 100)
    monkeypatch.setattr(spectra, "BLOCK", 5000)
    np.testing.assert_array_equal(centred_magnitude(SIGNALS["noise"], 512, 100), at_once)


@given(st.data(), *[st.integers(1, 12)] * 4)
def test_resample_area_is_the_slow_average(
    data: Any, rows: int, columns: int, height: int, width: int
) -> None:
    cell = st.floats(-200.0, 0.0, width=32)
    cells = data.draw(st.lists(cell, min_size=rows * columns, max_size=rows * columns))
    picture = np.array(cells, np.float32).reshape(rows, columns)
    resampled = resample_area(picture, height, width)
    assert resampled.dtype == np.float32
    np.testing.assert_allclose(resampled, slow_area_average(picture, height, width), atol=1e-3)


def test_a_flat_picture_has_the_first_colour() -> None:
    picture = np.full((1, 4, 4), -100.0, np.float32)
    picture[0, 0] += np.float32(1e-4)
    assert (draw(picture, "viridis") == colormaps["viridis"](0, bytes=True)[:3]).all()
