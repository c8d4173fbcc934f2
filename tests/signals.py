"""Test signals, and their spectrograms as libraries and slow implementations compute them."""

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.signal
from matplotlib import colormaps, mlab

from pipeline.audio.clips import from_pcm, to_pcm
from pipeline.base.types import Array
from pipeline.features.mel import Mel
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

SAMPLE_RATE = 22_050
SAMPLES = SAMPLE_RATE

# A value at the border of two of 256 colours may fall to either side in float32.
COLOUR_STEP = 1 / 256
SAME_COLOUR_SHARE = 0.95


def quantised(samples: Array) -> Array:
    """Samples as a clip holds them: 16 bits, so that only silence has an empty spectrum."""
    return from_pcm(to_pcm(samples.astype(np.float32)))


def _signals() -> dict[str, Array]:
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


SIGNALS = _signals()
# Between pure tones lies nothing but the rounding errors of float32.
PURE = ["sine", "sines", "chirp"]
BATCH = np.stack(list(SIGNALS.values()))
SILENCE = np.zeros((2, SAMPLES), np.float32)

every_signal = pytest.mark.parametrize("name", SIGNALS)
every_impure_signal = pytest.mark.parametrize("name", [n for n in SIGNALS if n not in PURE])


def music(number: int, seconds: float = 6.0) -> Any:
    """One track of each of ten genres, and from the eleventh on more tracks by the same artists."""
    style = GENRES[sorted(GENRES)[number % 10]]
    artist = artist_sound(np.random.default_rng([1, number % 10]))
    return piece(style, artist, seconds, SAMPLE_RATE, np.random.default_rng([2, number]))


def row_of(feature: Callable[[Array, int], Array], clip: Array) -> Array:
    """The row of a single clip."""
    row: Array = feature(clip[np.newaxis], SAMPLE_RATE)[0]
    return row


def scipy_density(clip: Array, n_fft: int, hop_length: int) -> Array:
    """Power spectral density by SciPy, in double precision; shape (bins, frames)."""
    _, _, density = scipy.signal.spectrogram(
        clip.astype(np.float64),
        SAMPLE_RATE,
        window="hann",
        nperseg=n_fft,
        noverlap=n_fft - hop_length,
        detrend=False,
    )
    return np.asarray(density)


def matplotlib_density(clip: Array, n_fft: int, hop_length: int) -> Array:
    """Power spectral density by matplotlib, in double precision; shape (bins, frames)."""
    overlap = n_fft - hop_length
    density, _, _ = mlab.specgram(clip.astype(np.float64), n_fft, SAMPLE_RATE, noverlap=overlap)
    return np.asarray(density)


def librosa_mel(clip: Array, mel: Mel) -> Array:
    """Mel spectrogram in dB by librosa; shape (n_mels, frames)."""
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


def in_db(density: Array, floor_db: float) -> Array:
    """10 log10 of a density, but at least `floor_db`."""
    return np.maximum(10.0 * np.log10(np.maximum(density, 1e-30)), floor_db)


def slow_area_average(picture: Array, height: int, width: int) -> Array:
    """Average a picture over areas, by repeating its cells until areas are made of whole ones."""
    for size in (height, width):
        fine = picture.astype(np.float64).repeat(size, axis=0)
        picture = fine.reshape(size, *picture.shape).mean(axis=1).T
    return picture


def assert_colours_show(picture: Array, scaled: Array, colour_map: str) -> None:
    """`picture` shows the values `scaled`, between 0 and 1, in the colours of the map."""
    near = [
        colormaps[colour_map](np.clip(scaled + step, 0.0, 1.0), bytes=True)[..., :3]
        for step in (0.0, -COLOUR_STEP, COLOUR_STEP)
    ]
    alike = [(picture == drawn).all(axis=-1) for drawn in near]
    assert np.any(alike, axis=0).all()
    assert alike[0].mean() > SAME_COLOUR_SHARE
