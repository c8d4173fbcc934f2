"""The demo's music: its styles and artists, its reproducibility, and what makes tracks differ."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, Artist, artist_sound

SAMPLE_RATE = 22_050


def artist(number: int) -> Artist:
    return artist_sound(np.random.default_rng([1, number]))


def play(genre: str, who: Artist, track: int = 0, seconds: float = 3.0) -> NDArray[np.float32]:
    return piece(GENRES[genre], who, seconds, SAMPLE_RATE, np.random.default_rng([2, track]))


def level_db(samples: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    hz = np.fft.rfftfreq(len(samples), 1.0 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(10.0 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum()))


@pytest.mark.parametrize("genre", GENRES)
def test_a_piece_has_its_length_and_range_and_is_audible_throughout(genre: str) -> None:
    samples = play(genre, artist(0))
    assert samples.shape == (3 * SAMPLE_RATE,)
    assert samples.dtype == np.float32
    assert 0.4 < np.abs(samples).max() <= 1.0
    by_second = np.sqrt((samples.reshape(3, -1) ** 2).mean(axis=1))
    assert by_second.min() > 0.01


@pytest.mark.parametrize("seconds", [1.0, 1.2345, 2.5])
@pytest.mark.parametrize("sample_rate", [8000, 16_000, 44_100])
def test_any_length_at_any_rate(seconds: float, sample_rate: int) -> None:
    rng = np.random.default_rng(0)
    samples = piece(GENRES["jazz"], artist(0), seconds, sample_rate, rng)
    assert samples.shape == (round(seconds * sample_rate),)
    assert np.isfinite(samples).all()


def test_the_same_generator_gives_the_same_bytes_and_others_differ_in_every_respect() -> None:
    assert artist(3) == artist(3)
    assert play("rock", artist(3)).tobytes() == play("rock", artist(3)).tobytes()
    assert not np.array_equal(play("rock", artist(0), 0), play("rock", artist(0), 1))
    ours, theirs = (dataclasses.asdict(artist(number)) for number in (0, 1))
    assert not [name for name in ours if ours[name] == theirs[name]]


def test_an_artist_changes_the_sound() -> None:
    dark = dataclasses.replace(artist(0), tilt_db_per_octave=-3.0)
    bright = dataclasses.replace(artist(0), tilt_db_per_octave=3.0)
    treble = [level_db(play("pop", who), 4000.0, 11_025.0) for who in (dark, bright)]
    assert treble[1] > treble[0] + 6.0


def test_genres_differ_in_their_sound() -> None:
    bass = {
        genre: np.mean([level_db(play(genre, artist(i), i), 20.0, 200.0) for i in range(6)])
        for genre in ("classical", "hiphop", "jazz", "reggae")
    }
    assert min(bass["hiphop"], bass["reggae"]) > max(bass["classical"], bass["jazz"]) + 2.0


def test_the_drums_keep_time() -> None:
    """Disco at 120 beats a minute, drums alone: the kick comes back after half a second."""
    style = dataclasses.replace(
        GENRES["disco"], tempo_bpm=(120.0, 120.0), levels_db=(0.0, -90.0, -90.0, -90.0)
    )
    who = dataclasses.replace(artist(0), tempo_factor=1.0, wet=0.0, tilt_db_per_octave=-6.0)
    samples = piece(style, who, 6.0, SAMPLE_RATE, np.random.default_rng(0))
    frames = (samples[: 600 * 220].reshape(600, 220) ** 2).mean(axis=1)
    frames -= frames.mean()
    echoes = np.correlate(frames, frames, "full")[600:]
    assert (20 + int(echoes[20:80].argmax()) + 1) * 220 / SAMPLE_RATE == pytest.approx(
        0.5, abs=0.02
    )


@pytest.mark.parametrize("key_midi", [45.0, 46.0])
def test_the_bass_keeps_to_the_artists_key(key_midi: float) -> None:
    style = dataclasses.replace(
        GENRES["classical"],
        bass="0" + 15 * ".",
        chords=(0,),
        levels_db=(-90.0, 0.0, -90.0, -90.0),
    )
    who = dataclasses.replace(artist(0), key_midi=key_midi, wet=0.0, tilt_db_per_octave=0.0)
    samples = piece(style, who, 6.0, SAMPLE_RATE, np.random.default_rng(0))
    peak_hz = np.abs(np.fft.rfft(samples)).argmax() / 6.0
    assert peak_hz == pytest.approx(110.0 * 2.0 ** ((key_midi - 45.0) / 12.0), abs=1.0)
