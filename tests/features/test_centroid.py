"""The feature `centroid` beside librosa's."""

import librosa
import numpy as np
import pytest
from signals import SAMPLE_RATE, SIGNALS, every_signal, row_of

from pipeline.features.centroid import Centroid

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
