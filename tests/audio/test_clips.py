"""Cutting and PCM: how many clips there are, what the last one holds, and exact round trips."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.clips import cut, from_pcm, to_pcm


def slow_clip_count(samples: int, clip_samples: int) -> int:
    """Take one clip after another while at least half of one is left."""
    count = 0
    while samples >= clip_samples / 2:
        samples -= clip_samples
        count += 1
    return count


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


def test_every_16_bit_sample_is_restored_exactly() -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    samples = from_pcm(pcm)
    assert samples.dtype == np.float32
    assert (samples.min(), samples.max()) == (-1.0, 32767 / 32768)
    np.testing.assert_array_equal(to_pcm(samples), pcm)


@given(st.floats(-1.0, 32767 / 32768, width=32))
def test_rounding_costs_at_most_half_a_step(sample: float) -> None:
    samples = np.array([sample], np.float32)
    assert abs(float(from_pcm(to_pcm(samples))[0]) - sample) <= 0.5 / 32768


def test_samples_over_full_scale_are_clipped() -> None:
    samples = np.array([1.0, 1.5, 1e6, -1.0, -1.5, -1e6], np.float32)
    np.testing.assert_array_equal(to_pcm(samples), [32767] * 3 + [-32768] * 3)
