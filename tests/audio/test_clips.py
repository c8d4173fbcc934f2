"""Cutting: how many clips, what is in the last one, and 16-bit PCM that comes back exactly."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.decode import Rejection
from pipeline.audio.clips import load_clips
from pipeline.audio.pcm import clip_count, cut, from_pcm, to_pcm

SAMPLE_RATE = 22_050


def slow_clip_count(samples: int, clip_samples: int) -> int:
    """Take a clip at a time for as long as at least half of one is left."""
    count = 0
    while samples >= clip_samples / 2:
        samples -= clip_samples
        count += 1
    return count


@given(st.integers(0, 3000), st.integers(1, 400))
def test_clip_count(samples: int, clip_samples: int) -> None:
    assert clip_count(samples, clip_samples) == slow_clip_count(samples, clip_samples)


@given(st.integers(1, 400), st.integers(0, 20))
def test_whole_clips_and_the_two_sides_of_half_a_clip(clip_samples: int, whole: int) -> None:
    half = (clip_samples + 1) // 2
    assert clip_count(whole * clip_samples, clip_samples) == whole
    assert clip_count(whole * clip_samples + half - 1, clip_samples) == whole
    assert clip_count(whole * clip_samples + half, clip_samples) == whole + 1


@pytest.mark.parametrize(("seconds", "clips"), [(1, 30), (2, 15), (3, 10), (5, 6), (10, 3)])
@pytest.mark.parametrize("track_seconds", [29.9, 30.0])
def test_a_track_of_30_s(track_seconds: float, seconds: int, clips: int) -> None:
    """GTZAN's tracks are a little shorter or longer than 30 s."""
    assert clip_count(round(track_seconds * SAMPLE_RATE), seconds * SAMPLE_RATE) == clips


@given(st.integers(0, 500), st.integers(1, 100))
def test_clips_hold_the_track_in_order_and_then_zeros(samples: int, clip_samples: int) -> None:
    pcm = np.arange(1, samples + 1, dtype=np.int16)
    clips = cut(pcm, clip_samples)
    assert clips.shape == (slow_clip_count(samples, clip_samples), clip_samples)
    assert clips.dtype == np.int16
    kept = min(samples, clips.size)
    assert samples - kept < clip_samples / 2
    np.testing.assert_array_equal(clips.ravel()[:kept], pcm[:kept])
    assert not clips.ravel()[kept:].any()


def test_every_16_bit_sample_comes_back_exactly() -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    samples = from_pcm(pcm)
    assert samples.dtype == np.float32
    assert (samples.min(), samples.max()) == (-1.0, 32767 / 32768)
    np.testing.assert_array_equal(to_pcm(samples), pcm)


@given(st.floats(-1.0, 32767 / 32768, width=32))
def test_rounding_costs_at_most_half_a_step(sample: float) -> None:
    samples = np.array([sample], np.float32)
    assert abs(float(from_pcm(to_pcm(samples))[0]) - sample) <= 0.5 / 32768


def test_what_is_over_full_scale_is_clipped() -> None:
    samples = np.array([1.0, 1.5, 1e6, -1.0, -1.5, -1e6], np.float32)
    np.testing.assert_array_equal(to_pcm(samples), [32767] * 3 + [-32768] * 3)


def test_a_file_of_the_same_rate_is_cut_sample_by_sample(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-20_000, 20_000, 2500, np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 1000)
    track = load_clips(tmp_path / "a.wav", 1000, 1000)
    assert track.recording.seconds == 2.5
    padded = np.concatenate([pcm, np.zeros(500, np.int16)])
    np.testing.assert_array_equal(track.pcm, padded.reshape(3, 1000))


def test_the_clip_length_counts_samples_after_resampling(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 24_000), 8000)
    assert load_clips(tmp_path / "a.wav", 16_000, 16_000).pcm.shape == (3, 16_000)


def test_less_than_half_a_clip_is_rejected(tmp_path: Path) -> None:
    samples = np.resize([0.5, -0.5], 500)
    soundfile.write(tmp_path / "half.wav", samples, 1000)
    assert len(load_clips(tmp_path / "half.wav", 1000, 1000).pcm) == 1
    soundfile.write(tmp_path / "less.wav", samples[:499], 1000)
    with pytest.raises(Rejection, match=r"^shorter than half a clip \(0\.50 s\)$"):
        load_clips(tmp_path / "less.wav", 1000, 1000)


def test_a_track_that_is_silent_where_it_is_kept_is_rejected(tmp_path: Path) -> None:
    samples = np.zeros(1400)
    samples[1200:] = 0.5
    soundfile.write(tmp_path / "a.wav", samples, 1000)
    with pytest.raises(Rejection, match=r"^silent$"):
        load_clips(tmp_path / "a.wav", 1000, 1000)
