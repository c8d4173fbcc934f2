"""The feature `mel` beside librosa's mel spectrogram."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import Normalize
from signals import (
    SAMPLE_RATE,
    SAMPLES,
    SIGNALS,
    assert_colours_show,
    every_signal,
    librosa_mel,
    row_of,
)

from pipeline.base.errors import ParamsError
from pipeline.features.mel import Mel

MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 1, "viridis")
DRAWN = replace(MEL, channels=3, colour_map="magma")
# Half a step of float16 between 64 and 128 dB is 0.031 dB, and float32 spectra add to it.
ERROR_DB = 0.04


@every_signal
@pytest.mark.parametrize(
    "mel",
    [
        MEL,
        Mel(1024, 256, 40, 50.0, 8000.0, 60.0, 1, "viridis"),
        Mel(1023, 500, 20, 0.0, 11_025.0, 100.0, 1, "viridis"),
    ],
    ids=["default", "range", "odd"],
)
def test_it_is_librosas(name: str, mel: Mel) -> None:
    expected = librosa_mel(SIGNALS[name], mel)
    actual = row_of(mel, SIGNALS[name])[..., 0].astype(np.float64)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ERROR_DB)


@every_signal
def test_three_channels_show_librosas(name: str) -> None:
    scaled = Normalize()(librosa_mel(SIGNALS[name], DRAWN))
    assert_colours_show(row_of(DRAWN, SIGNALS[name]), scaled, "magma")


def test_only_one_channel_is_in_db() -> None:
    assert (MEL.unit, MEL.steps_per_db) == ("dB re 1", 1.0)
    assert (DRAWN.unit, DRAWN.steps_per_db) == ("RGB", None)


@pytest.mark.parametrize("n_fft", [1023, 1024])
def test_the_proposed_changes_make_pictures_as_large_as_are_needed(n_fft: int) -> None:
    mel = replace(MEL, n_fft=n_fft, hop_length=5000, n_mels=8)
    changes = mel.changes_for(11, 10_240)
    assert changes["n_mels"] == "at least 11"
    longest = int(changes["hop_length"].removeprefix("at most "))
    frames = [
        replace(mel, hop_length=hop).template(10_240, SAMPLE_RATE).shape[2]
        for hop in (longest, longest + 1)
    ]
    assert frames == [11, 10]


def test_the_highest_band_lies_above_the_lowest() -> None:
    """And below half of the sample rate: see test_check.py."""
    with pytest.raises(ParamsError, match=r"fmax = 11025\.0: should be above fmin \(11025\.0\)"):
        replace(MEL, fmin=11_025.0).check("extract.mel", SAMPLES, SAMPLE_RATE)
