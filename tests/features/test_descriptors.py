"""descriptors: the statistics of librosa's own functions on the sound."""

import runpy
import warnings
from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import pytest

from pipeline.base.errors import ParamsError
from pipeline.base.params import parse
from pipeline.features import descriptors
from pipeline.features.descriptors import Descriptors

RATE = 22_050
FEATURE = Descriptors(n_fft=2048, hop_length=512, n_mfcc=20)


@pytest.mark.parametrize("seconds", [1, 3])
def test_values_are_librosas(seconds: int) -> None:
    rng = np.random.default_rng(seconds)
    time = np.arange(seconds * RATE) / RATE
    clip = np.sin(2 * np.pi * 440 * time) * (time % 0.5 < 0.1) + rng.normal(0, 0.05, len(time))
    clip = (0.3 * clip).astype(np.float32)
    of = {"y": clip, "sr": RATE}
    over_time = [
        librosa.feature.mfcc(**of, n_mfcc=20),
        librosa.feature.chroma_stft(**of),
        librosa.feature.spectral_centroid(**of),
        librosa.feature.spectral_bandwidth(**of),
        librosa.feature.spectral_contrast(**of),
        librosa.feature.spectral_rolloff(**of),
        librosa.feature.spectral_flatness(y=clip),
        librosa.feature.zero_crossing_rate(clip),
        librosa.feature.rms(S=np.abs(librosa.stft(clip))),
    ]
    expected = np.concatenate([each.mean(axis=1) for each in over_time])
    deviations = np.concatenate([each.std(axis=1) for each in over_time])
    [vector] = FEATURE(clip[np.newaxis], RATE)
    assert vector.shape == (91,)
    np.testing.assert_allclose(vector[:45], expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(vector[45:90], deviations, rtol=2e-3, atol=2e-3)
    assert vector[-1] == pytest.approx(librosa.feature.tempo(**of)[0], rel=1e-3)


def test_silence_in_several_threads_warns_of_nothing() -> None:
    """Filters of warnings belong to the process: a thread that ends must not undo another's."""
    feature = Descriptors(n_fft=512, hop_length=512, n_mfcc=20)  # short frames: bands are empty
    lengths = [RATE // 8, RATE] * 2  # some begin while others end
    for _ in range(8):
        with warnings.catch_warnings(), ThreadPoolExecutor(4) as threads:
            warnings.simplefilter("error")
            runpy.run_path(descriptors.__file__)  # as when it is imported
            list(threads.map(lambda n: feature(np.zeros((1, n), np.float32), RATE), lengths))


@pytest.mark.parametrize(("rate", "values"), [(22_050, 91), (8000, 89), (4000, 87)])
def test_low_sample_rates_have_fewer_octaves(rate: int, values: int) -> None:
    clip = np.random.default_rng(0).normal(0, 0.1, (1, rate)).astype(np.float32)
    assert FEATURE(clip, rate).shape == (1, values)
    assert FEATURE.template(rate, rate).shape == (0, values)


# At 6800 Hz, the second frequency of 34 samples is rounded to a little above 200 Hz.
@pytest.mark.parametrize(
    ("rate", "least"), [(6800, 36), (8000, 40), (16_000, 80), (22_050, 112), (44_100, 222)]
)
def test_frames_are_as_short_as_leave_no_band_empty(rate: int, least: int) -> None:
    noise = np.random.default_rng(rate).normal(0, 0.1, rate)
    clips = np.stack([noise, np.zeros(rate)]).astype(np.float32)
    for n_fft in (least, least + 1, 2 * least + 1, 1023):
        feature = Descriptors(n_fft, 256, 20)
        feature.check("extract.descriptors", rate, rate)
        assert np.isfinite(feature(clips, rate)).all()
    short = Descriptors(least - 1, 256, 20)
    with pytest.raises(RuntimeWarning, match="Mean of empty slice"):
        short(clips, rate)
    expected = (
        rf"^extract\.descriptors\.n_fft = {least - 1}: should be at least {least} for "
        rf"segment\.sample_rate = {rate}, or the lowest band of the spectral contrast is empty$"
    )
    with pytest.raises(ParamsError, match=expected):
        short.check("extract.descriptors", rate, rate)


def test_there_are_at_most_as_many_mfcc_as_mel_bands() -> None:
    clip = np.random.default_rng(0).normal(0, 0.1, (1, RATE)).astype(np.float32)
    most = parse(Descriptors, {"n_fft": 2048, "hop_length": 512, "n_mfcc": 128}, "descriptors")
    assert most(clip, RATE).shape == (1, 2 * (128 + 25) + 1)
    with pytest.raises(ParamsError, match=r"n_mfcc = 129: should be less than or equal to 128$"):
        parse(Descriptors, {"n_fft": 2048, "hop_length": 512, "n_mfcc": 129}, "descriptors")
