"""Compose and play pieces of simple synthetic music, in the style of a genre."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthesis.styles import BAR_STEPS, BASS, Artist, Style, Timbre

Signal = NDArray[np.float64]
Steps = NDArray[np.int64]

STRENGTH = {"x": 1.0, "o": 0.5, ".": 0.0}  # of a hit in a rhythm
TABLE = 2048  # samples of one period of a tone
RELEASE_S = 0.01
HISS = 3e-4


@dataclass(frozen=True)
class Grid:
    """The sixteenth notes of an excerpt.

    Attributes
    ----------
    steps : int array, shape (n,)
        Positions in the song, counted in sixteenths.
    onsets : int array, shape (n + 1,)
        Sample at which each step begins, and at which the last one ends.
    sample_rate : int
        In Hz.
    """

    steps: Steps
    onsets: Steps
    sample_rate: int

    def seconds(self) -> Signal:
        """Time of each sample of the excerpt."""
        return np.arange(self.onsets[-1]) / self.sample_rate


@dataclass(frozen=True)
class Note:
    """A tone from step `start` to step `end` of the grid, `semitones` above the artist's key."""

    start: int
    end: int
    semitones: int
    gain: float


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


def draw_grid(
    style: Style, artist: Artist, seconds: float, sample_rate: int, rng: np.random.Generator
) -> Grid:
    """Draw the tempo, and where in the song the excerpt begins."""
    bpm = rng.uniform(*style.tempo_bpm) * artist.tempo_factor
    step = 60.0 / bpm / 4.0 * sample_rate
    index = np.arange(int(np.ceil(seconds * sample_rate / step)) + 2)
    # An excerpt begins anywhere, so that no model can rely on the downbeat.
    steps = index + rng.integers(len(style.chords) * BAR_STEPS)
    late = np.array([0.0, 0.0, style.swing, style.swing / 2.0])[steps % 4]
    return Grid(steps[:-1], np.rint((index + late) * step).astype(np.int64), sample_rate)


def hits(pattern: str, steps: Steps, rng: np.random.Generator) -> Signal:
    """Strength of the hit on each step, 0 for none.

    A few hits of the pattern are dropped and a few are added, the same ones in every bar.
    """
    bar = np.array([STRENGTH[mark] for mark in pattern])
    chance = rng.random(BAR_STEPS)
    bar[chance < 0.08] = 0.0
    bar[(chance > 0.95) & bar.any()] = 0.5
    return bar[steps % BAR_STEPS] * rng.uniform(0.8, 1.0, len(steps))


def bass(style: Style, steps: Steps, rng: np.random.Generator) -> list[Note]:
    """The bass line: scale degrees above the root of the chord."""
    marks = [style.bass[step % BAR_STEPS] for step in steps]
    starts = [i for i, mark in enumerate(marks) if mark != "." and rng.random() < 0.93]
    degrees = [(_chord(style, int(steps[i])) + int(marks[i]),) for i in starts]
    return _notes(style, starts, degrees, len(steps), octave=0)


def comp(style: Style, steps: Steps, rng: np.random.Generator) -> list[Note]:
    """The accompaniment: chords in the style's rhythm."""
    starts = np.flatnonzero(hits(style.comp, steps, rng)).tolist()
    roots = [_chord(style, int(steps[i])) for i in starts]
    degrees = [tuple(root + above for above in style.voicing) for root in roots]
    return _notes(style, starts, degrees, len(steps), octave=1)


def melody(style: Style, steps: Steps, rng: np.random.Generator) -> list[Note]:
    """The melody: a random walk over the scale, in eighths."""
    plays = (steps % 2 == 0) & (rng.random(len(steps)) < style.melody)
    walk = (7 + np.cumsum(rng.integers(-2, 3, len(steps)))) % 14
    starts = np.flatnonzero(plays).tolist()
    return _notes(style, starts, [(int(walk[i]),) for i in starts], len(steps), octave=2)


def _chord(style: Style, step: int) -> int:
    return style.chords[step // BAR_STEPS % len(style.chords)]


def _notes(
    style: Style, starts: list[int], degrees: Sequence[tuple[int, ...]], n_steps: int, octave: int
) -> list[Note]:
    """Hold each note or chord until the next one of the same part."""
    ends = [*starts, n_steps][1:]
    return [
        Note(start, end, 12 * octave + _semitones(style, degree), len(chord) ** -0.5)
        for start, end, chord in zip(starts, ends, degrees, strict=True)
        for degree in chord
    ]


def _semitones(style: Style, degree: int) -> int:
    octave, step = divmod(degree, len(style.scale))
    return 12 * octave + style.scale[step]


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
    from scipy.signal import butter, sosfilt  # slow to import, and needed only here

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
