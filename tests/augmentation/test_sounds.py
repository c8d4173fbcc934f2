"""Kinds that act on sound, beside librosa and NumPy, and by measurement."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from librosa.effects import pitch_shift, time_stretch

from pipeline.augmentation.sounds import Gain, Noise, PitchShift, TimeShift, TimeStretch
from pipeline.base.types import Array

RATE = 22_050
SINE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)


def power(sound: Array) -> Any:
    return np.mean(np.square(sound, dtype=np.float64))


@pytest.mark.parametrize("db", [-6.0, 0.0, 3.0, 20.0])
def test_gain_is_in_decibels_and_clips_nothing(db: float) -> None:
    louder = Gain.apply(SINE, {"db": db})
    assert 10 * np.log10(power(louder) / power(SINE)) == pytest.approx(db, abs=1e-4)
    np.testing.assert_allclose(louder, SINE * 10 ** (db / 20), rtol=1e-6)


@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 40.0])
def test_noise_is_white_and_as_far_below_the_clip_as_asked(snr_db: float) -> None:
    added = Noise.apply(SINE, {"snr_db": snr_db, "seed": 5}) - SINE
    assert 10 * np.log10(power(SINE) / power(added)) == pytest.approx(snr_db, abs=0.1)
    bands = np.square(np.abs(np.fft.rfft(added)))[1:22_001].reshape(10, -1).mean(axis=1)
    np.testing.assert_allclose(bands / bands.mean(), 1, atol=0.1)


def test_noise_differs_from_seed_to_seed_and_leaves_silence_silent() -> None:
    one, other = (Noise.apply(SINE, {"snr_db": 0.0, "seed": seed}) for seed in (1, 2))
    assert abs(np.corrcoef(one - SINE, other - SINE)[0, 1]) < 0.05
    assert not Noise.apply(np.zeros(1000, np.float32), {"snr_db": 0.0, "seed": 1}).any()


@pytest.mark.parametrize("semitones", [-2.0, 0.7, 1.99, 12.0])
def test_pitch_shift_is_librosas(semitones: float) -> None:
    expected = pitch_shift(NOISE, sr=RATE, n_steps=semitones)
    shifted = PitchShift.apply(NOISE, {"semitones": semitones})
    np.testing.assert_allclose(shifted, expected, atol=1e-6)


@pytest.mark.parametrize("rate", [1 / 1.2, 0.97, 1.1, 1.5])
def test_time_stretch_is_librosas_cut_off_or_repeated(rate: float) -> None:
    expected = time_stretch(NOISE, rate=rate)
    twice = np.concatenate([expected, expected])[: len(NOISE)]
    np.testing.assert_array_equal(TimeStretch.apply(NOISE, {"rate": rate}), twice)


@given(st.floats(0, 1), st.integers(1, 300))
def test_time_shift_is_numpys_roll(share: float, samples: int) -> None:
    sound = np.arange(samples, dtype=np.float32)
    shifted = TimeShift.apply(sound, {"share": share})
    np.testing.assert_array_equal(shifted, np.roll(sound, round(share * samples)))  # the end first
