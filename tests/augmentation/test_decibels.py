"""Kinds that act on spectrograms in dB, beside naive loops and sums of powers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import expon

from pipeline.augmentation.decibels import Equaliser, SpectralNoise
from pipeline.augmentation.kind import State
from pipeline.base.types import Array


def spectrum_of(bands: int, frames: int) -> Array:
    """A spectrogram between -80 and 0 dB, louder at low frequencies."""
    noise = np.random.default_rng(0).uniform(-40, 0, (bands, frames, 1))
    return (noise - np.linspace(0, 40, bands)[:, np.newaxis, np.newaxis]).astype(np.float32)


def naive_gain(gains: list[float], band: int, bands: int) -> float:
    """The gain of one band: on the line between the nearest two of the evenly spaced points."""
    place = band * (len(gains) - 1) / (bands - 1)
    left = min(int(place), len(gains) - 2)
    return gains[left] + (place - left) * (gains[left + 1] - gains[left])


@given(st.integers(2, 100), st.lists(st.floats(-60, 60), min_size=2, max_size=20))
def test_equaliser_is_the_naive_one(bands: int, gains: list[float]) -> None:
    spectrum = spectrum_of(bands, 4)
    louder = Equaliser.apply(spectrum, {"db": gains})
    for band in range(bands):
        gain = naive_gain(gains, band, bands)
        np.testing.assert_allclose(louder[band], spectrum[band] + gain, atol=1e-4)


@pytest.mark.parametrize("snr_db", [-10.0, 5.0, 30.0, 200.0])
def test_noise_is_the_naive_sum_of_powers(snr_db: float) -> None:
    spectrum = spectrum_of(20, 30)
    noise = expon.ppf(np.random.default_rng(3).random(spectrum.shape, np.float32))
    power = 10 ** (spectrum.astype(np.float64) / 10)
    expected = 10 * np.log10(power + noise * power.mean() * 10 ** (-snr_db / 10))
    noisy = SpectralNoise.apply(spectrum, {"snr_db": snr_db, "seed": 3})
    np.testing.assert_allclose(noisy, expected, atol=1e-4)


@pytest.mark.parametrize("snr_db", [-40.0, 130.0])
def test_noise_at_its_bounds_is_finite_in_float16(snr_db: float) -> None:
    """130 is the upper bound plus the 30 dB from which the ratio is drawn."""
    noisy = SpectralNoise.apply(spectrum_of(64, 65), {"snr_db": snr_db, "seed": 0})
    assert np.isfinite(noisy.astype(np.float16)).all()


@pytest.mark.parametrize(
    ("kind", "state"),
    [(Equaliser, {"db": [-3.0, 6.0, 1.5]}), (SpectralNoise, {"snr_db": 12.0, "seed": 7})],
)
@pytest.mark.parametrize("reference", [-90.0, 50.0])
def test_reference_of_the_decibels_makes_no_difference(
    kind: Any, state: State, reference: float
) -> None:
    spectrum = spectrum_of(64, 65)
    moved = kind.apply(spectrum + np.float32(reference), state)
    np.testing.assert_allclose(moved - reference, kind.apply(spectrum, state), atol=1e-4)
