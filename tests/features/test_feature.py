"""Features against the libraries that define them, and against slow second implementations."""

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps, mlab
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from pipeline.features.registry import FEATURES
from pipeline.base.arrays import Array
from pipeline.features.centroid import Centroid
from pipeline.features.colour import Colour
from pipeline.features.shared.feature import Feature
from pipeline.features.grey import Grey
from pipeline.features.mel import Mel
from pipeline.audio.pcm import from_pcm, to_pcm
from pipeline.features.shared.pictures import resample_area
from pipeline.features.shared.spectra import power_density

SAMPLE_RATE = 22_050
SAMPLES = SAMPLE_RATE

# Half a step of uint8, and what float32 spectra add to it.
GREY_STEPS = 0.52
# One of 256 colours: a value that lies on the border of two falls to either side in float32.
COLOUR_STEP = 1 / 256
SAME_COLOUR_SHARE = 0.95
# What pure tones leave empty holds the rounding of float32, down to the emptiest bin, which
# sets the scale of the colours: they are off by so many bytes in the mean.
PURE = ["sine", "sines", "chirp"]
PURE_BYTES = 2.0
# Half a step of float16 between 64 and 128 dB is 0.031, and what float32 spectra add to it.
MEL_DB = 0.04
# Half a step of float16 is 1 / 2048 of the value, and what float32 spectra add to it.
CENTROID_SHARE = 6e-4
# Power density in float32: a cancellation leaves some 1e-6 of a frame's strongest bin.
DENSITY_SHARE = 1e-6


def quantised(samples: Array) -> Array:
    """Samples as a clip holds them: 16 bits, so no spectrum is empty but that of silence."""
    return from_pcm(to_pcm(samples.astype(np.float32)))


def signals() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    t = np.arange(SAMPLES) / SAMPLE_RATE
    noise = rng.normal(0.0, 0.1, SAMPLES)
    sines = 0.3 * np.sin(2 * np.pi * np.outer([110.3, 997.1, 6543.2], t)).sum(axis=0)
    chirp = 0.5 * scipy.signal.chirp(t, 50.0, 1.0, 10_000.0)
    partly = noise.copy()
    partly[SAMPLES // 4 : SAMPLES // 2] = 0.0
    raw = {
        "noise": noise,
        "loud": noise * 20.0,
        "soft": noise * 1e-2,
        "sine": 0.9 * np.sin(2 * np.pi * 440.7 * t),
        "sines": sines,
        "chirp": chirp,
        "hissing sines": sines + noise * 1e-2,
        "hissing chirp": chirp + noise * 1e-2,
        "partly silent": partly,
    }
    return {name: quantised(samples) for name, samples in raw.items()}


SIGNALS = signals()
BATCH = np.stack(list(SIGNALS.values()))
SILENCE = np.zeros((2, SAMPLES), np.float32)

GREY = Grey(512, 256, 64, 64, -120.0, -20.0)
COLOUR = Colour(256, 128, 64, 64, -200.0, "viridis")
MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 1, "viridis")
DRAWN_MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 3, "magma")
CENTROID = Centroid(2048, 512)
EXAMPLES: dict[str, Callable[..., Array]] = {
    "grey": GREY,
    "colour": COLOUR,
    "mel": MEL,
    "drawn mel": DRAWN_MEL,
    "centroid": CENTROID,
}

every_signal = pytest.mark.parametrize("name", SIGNALS)
every_recording = pytest.mark.parametrize("name", [name for name in SIGNALS if name not in PURE])
every_feature = pytest.mark.parametrize("feature", EXAMPLES.values(), ids=EXAMPLES)


def of_one(feature: Callable[..., Array], clip: Array) -> Array:
    row: Array = feature(clip[np.newaxis], SAMPLE_RATE)[0]
    return row


def density_of_scipy(clip: Array, n_fft: int, hop_length: int) -> Array:
    _, _, density = scipy.signal.spectrogram(
        clip.astype(np.float64),
        SAMPLE_RATE,
        window="hann",
        nperseg=n_fft,
        noverlap=n_fft - hop_length,
        detrend=False,
    )
    return np.asarray(density)


def density_of_matplotlib(clip: Array, n_fft: int, hop_length: int) -> Array:
    overlap = n_fft - hop_length
    density, _, _ = mlab.specgram(clip.astype(np.float64), n_fft, SAMPLE_RATE, noverlap=overlap)
    return np.asarray(density)


def in_db(density: Array, floor_db: float) -> Array:
    return np.maximum(10.0 * np.log10(np.maximum(density, 1e-30)), floor_db)


def mel_of_librosa(clip: Array, mel: Mel) -> Array:
    power = librosa.feature.melspectrogram(
        y=clip,
        sr=SAMPLE_RATE,
        n_fft=mel.n_fft,
        hop_length=mel.hop_length,
        n_mels=mel.n_mels,
        fmin=mel.fmin,
        fmax=mel.fmax,
    )
    return np.asarray(librosa.power_to_db(power, ref=1.0, top_db=mel.top_db))


def slow_rows(picture: Array, height: int) -> Array:
    """Repeat every row until the target's rows are whole blocks, and average those."""
    fine = picture.astype(np.float64).repeat(height, axis=0)
    return np.asarray(fine.reshape(height, *picture.shape).mean(axis=1))


def slow_area(picture: Array, height: int, width: int) -> Array:
    return slow_rows(slow_rows(picture, height).T, width).T


def assert_drawn_alike(picture: Array, scaled: Array, colour_map: str) -> None:
    """`picture` shows values that are `scaled` to [0, 1] in the colours of the map."""
    near = [
        colormaps[colour_map](np.clip(scaled + step, 0.0, 1.0), bytes=True)[..., :3]
        for step in (0.0, -COLOUR_STEP, COLOUR_STEP)
    ]
    alike = [(picture == drawn).all(axis=-1) for drawn in near]
    assert np.any(alike, axis=0).all()
    assert alike[0].mean() > SAME_COLOUR_SHARE


@every_signal
@pytest.mark.parametrize(
    ("n_fft", "hop_length"),
    [(512, 256), (512, 50), (255, 255), (64, 200)],
    ids=["default", "more than a block", "odd", "gaps"],
)
def test_power_density_is_scipys(name: str, n_fft: int, hop_length: int) -> None:
    if hop_length > n_fft:  # scipy has no gaps between frames: take every other of smaller hops
        expected = density_of_scipy(SIGNALS[name], n_fft, hop_length // 4)[:, ::4]
    else:
        expected = density_of_scipy(SIGNALS[name], n_fft, hop_length)
    window = scipy.signal.get_window("hann", n_fft).astype(np.float32)
    actual = power_density(SIGNALS[name], SAMPLE_RATE, window, hop_length)
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=DENSITY_SHARE * expected.max())


@every_signal
@pytest.mark.parametrize(("height", "width"), [(64, 64), (257, 85), (129, 17), (300, 100)])
def test_grey_is_scipys_spectrogram_averaged(name: str, height: int, width: int) -> None:
    grey = Grey(512, 256, height, width, -120.0, -20.0)
    picture = of_one(grey, SIGNALS[name])[..., 0]
    db = in_db(density_of_scipy(SIGNALS[name], 512, 256), -120.0)
    scaled = np.clip((slow_area(db, height, width) + 120.0) / 100.0, 0.0, 1.0) * 255.0
    assert np.abs(picture - scaled).max() <= GREY_STEPS


def test_grey_shows_a_tone_in_the_row_of_its_frequency() -> None:
    tone = 0.5 * np.sin(2 * np.pi * SAMPLE_RATE / 8 * np.arange(SAMPLES) / SAMPLE_RATE)
    picture = of_one(Grey(512, 256, 257, 85, -120.0, -20.0), quantised(tone))[..., 0]
    assert (picture.argmax(axis=0) == 512 // 8).all()


@given(st.data(), *[st.integers(1, 12)] * 4)
def test_resample_area_is_the_slow_average(
    data: Any, rows: int, columns: int, height: int, width: int
) -> None:
    cell = st.floats(-200.0, 0.0, width=32)
    cells = data.draw(st.lists(cell, min_size=rows * columns, max_size=rows * columns))
    picture = np.array(cells, np.float32).reshape(rows, columns)
    resampled = resample_area(picture, height, width)
    assert resampled.dtype == np.float32
    np.testing.assert_allclose(resampled, slow_area(picture, height, width), atol=1e-3)


def test_resample_area_is_pillows_box_where_cells_are_whole() -> None:
    picture = np.random.default_rng(0).normal(-60.0, 20.0, (128, 96)).astype(np.float32)
    boxed = Image.fromarray(picture).resize((24, 32), Image.Resampling.BOX)
    resampled = resample_area(picture, 32, 24)
    np.testing.assert_allclose(resampled, np.asarray(boxed), atol=1e-3)


@every_recording
@pytest.mark.parametrize(("n_fft", "hop_length"), [(256, 128), (255, 100)])
def test_colour_at_native_size_is_matplotlibs_specgram(
    name: str, n_fft: int, hop_length: int
) -> None:
    db = in_db(density_of_matplotlib(SIGNALS[name], n_fft, hop_length), -200.0)
    bins, frames = db.shape
    colour = Colour(n_fft, hop_length, bins, frames, -200.0, "viridis")
    assert_drawn_alike(of_one(colour, SIGNALS[name]), Normalize()(db), "viridis")


@pytest.mark.parametrize("name", ["noise", "hissing chirp"])
def test_colour_is_what_axes_specgram_draws(name: str) -> None:
    clip = SIGNALS[name].astype(np.float64)
    density, _, _, image = (
        Figure().subplots().specgram(clip, NFFT=256, Fs=SAMPLE_RATE, noverlap=128)
    )
    scaled = np.asarray(Normalize()(np.asarray(image.get_array())))[::-1]  # its top is first
    bins, frames = density.shape
    picture = of_one(Colour(256, 128, bins, frames, -200.0, "magma"), SIGNALS[name])
    assert_drawn_alike(picture, scaled, "magma")


@every_recording
def test_colour_draws_the_average(name: str) -> None:
    db = in_db(density_of_matplotlib(SIGNALS[name], 256, 128), -200.0)
    scaled = Normalize()(slow_area(db, 64, 64))
    assert_drawn_alike(of_one(COLOUR, SIGNALS[name]), scaled, "viridis")


@pytest.mark.parametrize("name", PURE)
def test_colour_of_a_pure_tone_is_close(name: str) -> None:
    db = in_db(density_of_matplotlib(SIGNALS[name], 256, 128), -200.0)
    drawn = colormaps["viridis"](Normalize()(slow_area(db, 64, 64)), bytes=True)[..., :3]
    apart = of_one(COLOUR, SIGNALS[name]).astype(int) - drawn
    assert np.abs(apart).mean() < PURE_BYTES


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
def test_mel_is_librosas(name: str, mel: Mel) -> None:
    expected = mel_of_librosa(SIGNALS[name], mel)
    actual = of_one(mel, SIGNALS[name])
    assert actual.dtype == np.float16
    np.testing.assert_allclose(actual[..., 0].astype(np.float64), expected, rtol=0, atol=MEL_DB)


@every_signal
def test_mel_with_three_channels_draws_librosas(name: str) -> None:
    scaled = Normalize()(mel_of_librosa(SIGNALS[name], DRAWN_MEL))
    assert_drawn_alike(of_one(DRAWN_MEL, SIGNALS[name]), scaled, "magma")


@every_signal
@pytest.mark.parametrize(("n_fft", "hop_length"), [(2048, 512), (255, 100)])
def test_centroid_is_librosas(name: str, n_fft: int, hop_length: int) -> None:
    expected = librosa.feature.spectral_centroid(
        y=SIGNALS[name], sr=SAMPLE_RATE, n_fft=n_fft, hop_length=hop_length
    )[0]
    actual = of_one(Centroid(n_fft, hop_length), SIGNALS[name])
    np.testing.assert_allclose(actual.astype(np.float64), expected, rtol=CENTROID_SHARE)


def test_the_centroid_of_a_tone_is_its_frequency() -> None:
    tone = 0.9 * np.sin(2 * np.pi * 3000.0 * np.arange(SAMPLES) / SAMPLE_RATE)
    inner = of_one(CENTROID, quantised(tone))[4:-4]  # a frame over an end hears a click
    np.testing.assert_allclose(inner.astype(np.float64), 3000.0, rtol=0.01)


def test_digital_silence_has_finite_values() -> None:
    assert not GREY(SILENCE, SAMPLE_RATE).any()
    first = {name: colormaps[name](0, bytes=True)[:3] for name in ("viridis", "magma")}
    assert (COLOUR(SILENCE, SAMPLE_RATE) == first["viridis"]).all()
    assert (DRAWN_MEL(SILENCE, SAMPLE_RATE) == first["magma"]).all()
    assert (MEL(SILENCE, SAMPLE_RATE) == -100.0).all()
    assert (CENTROID(SILENCE, SAMPLE_RATE) == 0.0).all()


@every_feature
def test_full_scale_has_finite_values(feature: Feature) -> None:
    square = np.where(np.arange(SAMPLES) // 50 % 2, 1.0, -1.0).astype(np.float32)
    assert np.isfinite(of_one(feature, square)).all()
    assert np.isfinite(of_one(feature, np.ones(SAMPLES, np.float32))).all()


@every_feature
def test_a_batch_is_its_clips_one_by_one(feature: Feature) -> None:
    """Not one bit may depend on what else is in the batch: results are kept track by track."""
    one_by_one = np.stack([of_one(feature, clip) for clip in BATCH])
    np.testing.assert_array_equal(feature(BATCH, SAMPLE_RATE), one_by_one)


@every_feature
def test_a_feature_leaves_its_clips_as_they_are(feature: Feature) -> None:
    clips = BATCH.copy()
    feature(clips, SAMPLE_RATE)
    np.testing.assert_array_equal(clips, BATCH)


@pytest.mark.parametrize(
    ("feature", "shape", "dtype"),
    [
        (GREY, (64, 64, 1), np.uint8),
        (Grey(512, 256, 32, 48, -120.0, -20.0), (32, 48, 1), np.uint8),
        (COLOUR, (64, 64, 3), np.uint8),
        (Colour(256, 128, 32, 48, -200.0, "magma"), (32, 48, 3), np.uint8),
        (MEL, (64, 22, 1), np.float16),
        (DRAWN_MEL, (64, 22, 3), np.uint8),
        (CENTROID, (44,), np.float16),
    ],
)
def test_shape_and_dtype(feature: Feature, shape: tuple[int, ...], dtype: Any) -> None:
    rows = feature(BATCH, SAMPLE_RATE)
    assert rows.shape == (len(BATCH), *shape)
    assert rows.dtype == dtype


@given(st.integers(16, 300), st.integers(1, 300), st.integers(300, 2000))
def test_frame_counts(n_fft: int, hop_length: int, samples: int) -> None:
    clip = np.ones(samples, np.float32)
    padded = samples + 2 * (n_fft // 2)
    centred = len(range(0, padded - n_fft + 1, hop_length))
    assert of_one(Centroid(n_fft, hop_length), clip).shape == (centred,)
    whole = len(range(0, samples - n_fft + 1, hop_length))
    density = power_density(clip, SAMPLE_RATE, np.ones(n_fft, np.float32), hop_length)
    assert density.shape == (n_fft // 2 + 1, whole)


def test_every_feature_has_an_example() -> None:
    assert {type(feature) for feature in EXAMPLES.values()} == set(FEATURES.values())
