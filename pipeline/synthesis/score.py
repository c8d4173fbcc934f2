"""Compose the notes of an excerpt: when each instrument plays, and what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthesis.styles import BAR_STEPS, Artist, Style

Signal = NDArray[np.float64]
Steps = NDArray[np.int64]

STRENGTH = {"x": 1.0, "o": 0.5, ".": 0.0}


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
