"""Play a piece of simple synthetic music, in the style of a genre, by a made-up artist."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.synthesis.score import Grid, Note, Signal, bass, comp, draw_grid, hits, melody
from pipeline.synthesis.styles import BASS, Artist, Style, Timbre

TABLE = 2048
RELEASE_S = 0.01
HISS = 3e-4


def piece(
    style: Style, artist: Artist, seconds: float, sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Play an excerpt of a new piece.

    Parameters
    ----------
    style : Style
        The genre, one of `styles.GENRES`.
    artist : Artist
        Who plays, drawn by `styles.artist_sound`.
    seconds : float
        Length of the excerpt.
    sample_rate : int
        In Hz.
    rng : np.random.Generator
        Draws the tempo, the place in the song, the melody and the small variations.

    Returns
    -------
    float32, shape (round(seconds * sample_rate),)
        Mono samples in [-1, 1].
    """
    grid = draw_grid(style, artist, seconds, sample_rate, rng)
    drums = _drums(style, artist, grid, rng)
    parts = [part(style, grid.steps, rng) for part in (bass, comp, melody)]
    timbres = (BASS, *style.instruments)
    tuned = [_play(notes, t, artist, grid) for notes, t in zip(parts, timbres, strict=True)]
    gains = np.add(style.levels_db, artist.levels_db) + rng.normal(0.0, 1.0, 4)
    mix = 10.0 ** (gains / 20.0) @ np.stack([drums, *tuned])
    return _master(mix[: round(seconds * sample_rate)], artist, sample_rate, rng)


def _drums(style: Style, artist: Artist, grid: Grid, rng: np.random.Generator) -> Signal:
    t = np.arange(grid.sample_rate // 3) / grid.sample_rate
    out = np.zeros(grid.onsets[-1] + len(t))
    patterns = (style.kick, style.snare, style.hat)
    sounds = (_kick(t, artist), _snare(t, artist, rng), _hat(t, artist, rng))
    for pattern, sound in zip(patterns, sounds, strict=True):
        for onset, hit in zip(grid.onsets[:-1], hits(pattern, grid.steps, rng), strict=True):
            out[onset : onset + len(t)] += hit * sound
    return out[: grid.onsets[-1]]


def _kick(t: Signal, artist: Artist) -> Signal:
    cycles = artist.kick_hz * (t + 0.08 * (1.0 - np.exp(-t / 0.03)))
    return np.sin(2.0 * np.pi * cycles) * np.exp(-t / 0.09)


def _snare(t: Signal, artist: Artist, rng: np.random.Generator) -> Signal:
    rattle = _band(rng.normal(0.0, 1.0, len(t)), t, artist.snare_hz, 4.0 * artist.snare_hz)
    return (0.5 * rattle + 0.4 * np.sin(2.0 * np.pi * 190.0 * t)) * np.exp(-t / 0.06)


def _hat(t: Signal, artist: Artist, rng: np.random.Generator) -> Signal:
    return 0.3 * _band(rng.normal(0.0, 1.0, len(t)), t, 6e3, 1e4) * np.exp(-t / artist.hat_s)


def _band(noise: Signal, t: Signal, low_hz: float, high_hz: float) -> Signal:
    # Fractions of the Nyquist frequency, which stay below 1 however low the sample rate is.
    edges = np.minimum(np.array([low_hz, high_hz]) * 2.0 * t[1], [0.6, 0.95])
    filtered: Signal = sosfilt(butter(2, edges, "band", output="sos"), noise)
    filtered /= np.sqrt(np.mean(filtered**2))
    return filtered


def _play(notes: list[Note], timbre: Timbre, artist: Artist, grid: Grid) -> Signal:
    t = grid.seconds()
    out = np.zeros_like(t)
    envelope = np.exp(-t / (timbre.decay_s * artist.decay_factor)) * -np.expm1(-t / timbre.attack_s)
    for note in notes:
        start, end = grid.onsets[[note.start, note.end]]
        tone = _tone(note, timbre, artist, t[: end - start])
        release = np.minimum(1.0, t[: end - start][::-1] / RELEASE_S)
        out[start:end] += note.gain * tone * envelope[: end - start] * release
    return np.tanh(timbre.drive * out) if timbre.drive else out


def _tone(note: Note, timbre: Timbre, artist: Artist, t: Signal) -> Signal:
    hz = 440.0 * 2.0 ** ((artist.key_midi + note.semitones - 69.0) / 12.0)
    partials = np.arange(1, max(2, min(24, int(0.45 / t[1] / hz))))
    weights = partials ** -(timbre.rolloff + artist.rolloff_shift)
    weights[1::2] *= timbre.even
    # One period by inverse FFT, read at the note's pitch: much cheaper than a sine per partial.
    spectrum = np.concatenate([[0.0], weights / np.linalg.norm(weights)]) * -0.5j * TABLE
    period = np.fft.irfft(spectrum, TABLE)
    tone: Signal = period[(t * (hz * TABLE)).astype(np.int64) % TABLE]
    return tone


def _master(
    mix: Signal, artist: Artist, sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    n_fft = 2 * len(mix)
    t = np.arange(len(mix)) / sample_rate
    echo = rng.normal(0.0, 1.0, len(t)) * np.exp(-t / artist.room_s)
    room = 1.0 + artist.wet * np.fft.rfft(echo / np.linalg.norm(echo), n_fft)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n_fft, 1.0 / sample_rate), 60.0) / 1000.0)
    tilt = 10.0 ** (artist.tilt_db_per_octave * octaves / 20.0)
    mixed = np.fft.irfft(np.fft.rfft(mix, n_fft) * room * tilt, n_fft)[: len(mix)]
    # A little tape hiss keeps every clip from digital silence, where logarithms meet zero.
    mixed = mixed / max(np.abs(mixed).max(), HISS) + rng.normal(0.0, HISS, len(mixed))
    loudness = rng.uniform(0.5, 0.95)
    samples: NDArray[np.float32] = (loudness * mixed.clip(-1.0, 1.0)).astype(np.float32)
    return samples
