"""Fingerprints: the formula of the paper, and frames without information."""

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import music

from pipeline.audio.clips import Pcm, cut, to_pcm
from pipeline.recordings.fingerprint import (
    BANDS_HZ,
    FRAMES_PER_SECOND,
    HOP_LENGTH,
    MUTE,
    N_FFT,
    SAMPLE_RATE,
    FingerprintTrack,
    band_energies,
    fingerprint,
)
from pipeline.recordings.matching import compare

RATE = 22_050
MUSIC = to_pcm(music(0, 4.0))


def frame_by_frame(pcm: Pcm, rate: int) -> list[int]:
    """The formula in double precision, one frame, band and bit at a time."""
    signal = soxr.resample(pcm / 32768, rate, SAMPLE_RATE)
    window = np.sin(np.pi * np.arange(N_FFT) / N_FFT) ** 2
    edges = [round(float(hz) * N_FFT / SAMPLE_RATE) for hz in BANDS_HZ]
    energies = []
    for start in range(0, len(signal) - N_FFT + 1, HOP_LENGTH):
        spectrum = np.fft.fft(window * signal[start : start + N_FFT])
        energies.append([sum(abs(spectrum[a:b]) ** 2) for a, b in pairwise(edges)])
    found = []
    for before, after in pairwise(energies):
        signs = [
            after[m] - after[m + 1] - (before[m] - before[m + 1]) > 0 for m in range(len(edges) - 2)
        ]
        found.append(sum(sign << m for m, sign in enumerate(signs)))
    return found


def test_bits_are_those_of_the_formula() -> None:
    expected = frame_by_frame(MUSIC, RATE)
    frames = fingerprint(MUSIC, RATE)
    wrong = sum((int(a) ^ b).bit_count() for a, b in zip(frames, expected, strict=False))
    assert len(expected) == 4 * FRAMES_PER_SECOND - N_FFT // HOP_LENGTH
    assert wrong <= 3  # of 9216, where single precision is not enough to know the sign
    assert (frames[len(expected) :] == MUTE).all()


def test_long_tracks_are_transformed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE + 17).astype(np.float32)
    at_once = band_energies(signal)
    monkeypatch.setattr("pipeline.recordings.fingerprint.BLOCK", 3 * HOP_LENGTH)
    np.testing.assert_allclose(band_energies(signal), at_once, rtol=1e-5)


@given(st.integers(0, 3 * RATE), st.sampled_from([4000, 5120, RATE, 48_000]))
@settings(max_examples=25)
def test_frames_follow_from_the_length_alone(samples: int, rate: int) -> None:
    pcm = np.random.default_rng(samples).integers(-9000, 9000, samples, np.int16)
    found = fingerprint(pcm, rate)
    assert found.dtype == np.uint32
    assert found.shape == (samples * FRAMES_PER_SECOND // rate,)
    whole = max(0, len(found) - N_FFT // HOP_LENGTH)
    assert (found[:whole] != MUTE).all()
    assert (found[whole + 2 :] == MUTE).all()


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_the_sample_rate_hardly_matters(rate: int) -> None:
    other = to_pcm(soxr.resample(MUSIC.astype(np.float32) / 32768, RATE, rate))
    assert compare(fingerprint(MUSIC, RATE), fingerprint(other, rate), 0)[0] > 0.98


@pytest.mark.parametrize("level", [1, 100, 32_000])
@pytest.mark.parametrize("hz", [50, 440, 1234.5, 2100, 6000])
def test_steady_tones_are_mute(hz: float, level: float) -> None:
    tone = level * np.sin(2 * np.pi * hz * np.arange(4 * RATE) / RATE)
    assert (fingerprint(np.rint(tone).astype(np.int16), RATE) == MUTE).all()


def test_silence_and_rounding_noise_are_mute() -> None:
    dither = np.random.default_rng(0).random(4 * RATE) < 1 / 12
    assert (fingerprint(np.zeros(4 * RATE, np.int16), RATE) == MUTE).all()
    assert (fingerprint(dither.astype(np.int16), RATE) == MUTE).all()
    padded = np.concatenate([MUSIC, np.zeros(4 * RATE, np.int16)])
    informative = fingerprint(padded, RATE) != MUTE
    assert informative[: 4 * FRAMES_PER_SECOND - 1].all()
    assert not informative[4 * FRAMES_PER_SECOND + 1 :].any()


def test_a_row_holds_the_frames_that_begin_in_its_clip() -> None:
    pcm = MUSIC[: 3 * RATE]
    clips = cut(pcm, 2 * RATE)
    recipe = FingerprintTrack(RATE)
    rows = recipe(clips).rows
    assert rows is not None
    assert rows.shape == (2, 2 * FRAMES_PER_SECOND)
    np.testing.assert_array_equal(rows.reshape(-1), fingerprint(clips.reshape(-1), RATE))
    template = recipe.template(2 * RATE)
    assert (template.dtype, template.shape) == (rows.dtype, (0, *rows.shape[1:]))
