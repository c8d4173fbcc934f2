"""The feature `centroid` beside librosa's."""

import librosa
import numpy as np
import pytest
from signals import SAMPLE_RATE, SAMPLES, SIGNALS, every_signal, quantised, row_of

from pipeline.features.centroid import Centroid

CENTROID = Centroid(2048, 512)
# Half a step of float16 is 1 / 2048 of the value, and float32 spectra add to it.
SHARE = 6e-4


@every_signal
@pytest.mark.parametrize(("n_fft", "hop_length"), [(2048, 512), (255, 100)])
def test_it_is_librosas(name: str, n_fft: int, hop_length: int) -> None:
    expected = librosa.feature.spectral_centroid(
        y=SIGNALS[name], sr=SAMPLE_RATE, n_fft=n_fft, hop_length=hop_length
    )[0]
    actual = row_of(Centroid(n_fft, hop_length), SIGNALS[name])
    np.testing.assert_allclose(actual.astype(np.float64), expected, rtol=SHARE)


def test_the_centroid_of_a_tone_is_its_frequency() -> None:
    tone = 0.9 * np.sin(2 * np.pi * 3000.0 * np.arange(SAMPLES) / SAMPLE_RATE)
    inner = row_of(CENTROID, quantised(tone))[4:-4]  # frames over an end contain a click
    np.testing.assert_allclose(inner.astype(np.float64), 3000.0, rtol=0.01)
