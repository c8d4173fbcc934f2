"""The styles of the genres, and the sounds of artists."""

from dataclasses import dataclass

import numpy as np

Levels = tuple[float, float, float, float]

BAR_STEPS = 16
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
MIXOLYDIAN, DORIAN, PHRYGIAN = (
    (0, 2, 4, 5, 7, 9, 10),
    (0, 2, 3, 5, 7, 9, 10),
    (0, 1, 3, 5, 7, 8, 10),
)


@dataclass(frozen=True)
class Timbre:
    """The sound of an instrument.

    Partial n has the weight n ** -rolloff, times `even` for even n; `drive` is the gain into a
    tanh that distorts, 0 for none.
    """

    rolloff: float
    even: float
    attack_s: float
    decay_s: float
    drive: float = 0.0


PIANO, ORGAN = Timbre(1.7, 0.8, 0.004, 0.5), Timbre(1.1, 0.9, 0.02, 4.0)
GUITAR, BANJO = Timbre(1.3, 0.9, 0.003, 0.35), Timbre(0.9, 1.0, 0.002, 0.12)
STRINGS, BRASS = Timbre(1.2, 1.0, 0.12, 5.0), Timbre(0.8, 1.0, 0.04, 1.5)
SYNTH, CRUNCH = Timbre(0.9, 0.3, 0.01, 1.0), Timbre(1.0, 0.9, 0.004, 1.0, 3.0)
DISTORTED, BASS = Timbre(0.8, 1.0, 0.003, 1.5, 12.0), Timbre(2.0, 0.8, 0.006, 0.4)


@dataclass(frozen=True)
class Style:
    """The style in which a genre is played.

    A rhythm is one bar of 16 steps: `x` is a hit, `o` a soft one and `.` a rest. `bass` has scale
    degrees above the root of the chord in place of hits. `chords` holds one scale degree for each
    bar, `voicing` the degrees stacked on it. `swing` is the delay of the off-beats in steps,
    `melody` the probability of a note on each eighth, and `levels_db` the levels of drums, bass,
    chords and melody.
    """

    tempo_bpm: tuple[float, float]
    swing: float
    kick: str
    snare: str
    hat: str
    bass: str
    comp: str
    chords: tuple[int, ...]
    voicing: tuple[int, ...]
    scale: tuple[int, ...]
    instruments: tuple[Timbre, Timbre]
    melody: float
    levels_db: Levels


# fmt: off
GENRES: dict[str, Style] = {
    "blues": Style((70, 120), 0.6, "x.......x.x.....", "....x.......x...", "x.x.x.x.x.x.x.x.",
        "0.2.4.5.6.5.4.2.", "x..x....x..x....", (0, 3, 0, 4), (0, 2, 4, 6), MIXOLYDIAN,
        (PIANO, GUITAR), 0.55, (-6, -3, -6, -1)),
    "classical": Style((60, 140), 0.0, "................", "................", "................",
        "0.......4.......", "x...x...x...x...", (0, 3, 4, 0, 5, 1, 4, 0), (0, 2, 4, 7), MAJOR,
        (STRINGS, STRINGS), 0.6, (-40, -4, -4, -2)),
    "country": Style((85, 150), 0.1, "x.......x.......", "....x.......x...", "x.o.x.o.x.o.x.o.",
        "0.......4.......", "....x.......x.x.", (0, 3, 0, 4), (0, 2, 4), MAJOR,
        (GUITAR, BANJO), 0.7, (-8, -3, -4, -2)),
    "disco": Style((105, 135), 0.0, "x...x...x...x...", "....x.......x...", "..x...x...x...x.",
        "0.7.0.7.0.7.0.7.", "..x...x...x..x..", (0, 5, 3, 4), (0, 2, 4, 6), MINOR,
        (STRINGS, BRASS), 0.3, (-1, -3, -5, -6)),
    "hiphop": Style((75, 112), 0.3, "x.....x...x.....", "....x.......x...", "x.x.x.x.x.xxx.x.",
        "0.....0...2.....", "x.......x.......", (0, 0, 5, 0), (0, 2, 4, 6), MINOR,
        (PIANO, SYNTH), 0.25, (0, -1, -8, -8)),
    "jazz": Style((90, 190), 0.65, "x.......o.......", "......o.......o.", "x...x.x.x...x.x.",
        "0...2...4...5...", "x.....x.......x.", (1, 4, 0, 5), (0, 2, 6, 8), DORIAN,
        (PIANO, BRASS), 0.65, (-9, -2, -6, -1)),
    "metal": Style((100, 190), 0.0, "x.xxx.xxx.xxx.xx", "....x.......x...", "x...x...x...x...",
        "0.000.000.000.11", "x.xxx.xxx.xxx.xx", (0, 0, 1, 5), (0, 4, 7), PHRYGIAN,
        (DISTORTED, DISTORTED), 0.2, (-3, -5, -1, -7)),
    "pop": Style((90, 132), 0.0, "x.....x.x.......", "....x.......x...", "x.x.x.x.x.x.x.x.",
        "0.0.0.0.0.0.0.0.", "x.....x.....x...", (0, 4, 5, 3), (0, 2, 4), MAJOR,
        (SYNTH, SYNTH), 0.5, (-3, -4, -5, -2)),
    "reggae": Style((65, 100), 0.2, "........x.......", "........x.......", "x.x.x.x.x.x.x.x.",
        "0..0..4...2.0...", "....x.......x...", (0, 3, 0, 4), (0, 2, 4), MINOR,
        (ORGAN, GUITAR), 0.25, (-4, 0, -3, -7)),
    "rock": Style((95, 160), 0.0, "x.....x.x.x.....", "....x.......x...", "x.x.x.x.x.x.x.x.",
        "0.0.0.0.0.0.0.0.", "x.x.x.x.x.x.x.x.", (0, 3, 5, 4), (0, 4, 7), MIXOLYDIAN,
        (CRUNCH, CRUNCH), 0.35, (-2, -4, -2, -4)),
}
# fmt: on


@dataclass(frozen=True)
class Artist:
    """Properties that all pieces by one artist have in common."""

    tempo_factor: float
    key_midi: float
    tilt_db_per_octave: float
    room_s: float
    wet: float
    rolloff_shift: float
    decay_factor: float
    kick_hz: float
    snare_hz: float
    hat_s: float
    levels_db: Levels


def artist_sound(rng: np.random.Generator) -> Artist:
    """Draw the sound of an artist: key and tuning, room, equaliser, instruments and mix."""
    drums, bass, chords, melody = rng.normal(0.0, 2.5, 4)
    return Artist(
        tempo_factor=rng.uniform(0.9, 1.1),
        key_midi=rng.integers(36, 48) + rng.normal(0.0, 0.15),
        tilt_db_per_octave=rng.normal(0.0, 1.0),
        room_s=rng.uniform(0.05, 0.5),
        wet=rng.uniform(0.0, 0.5),
        rolloff_shift=rng.normal(0.0, 0.2),
        decay_factor=float(2.0 ** rng.normal(0.0, 0.5)),
        kick_hz=rng.uniform(45.0, 75.0),
        snare_hz=rng.uniform(800.0, 2500.0),
        hat_s=rng.uniform(0.02, 0.08),
        levels_db=(drums, bass, chords, melody),
    )
