"""The kinds of augmentation that act on sound."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.kind import Augmentation, Ratio, State, draw_noise
from pipeline.base.compilation import compile_librosa
from pipeline.base.types import STRICT, Array


@dataclass(frozen=True, config=STRICT)
class Gain(Augmentation):
    """Louder or softer by up to `db`."""

    acts_on = "sound"
    needs = "decibels"

    db: Annotated[float, Field(gt=0, le=60)]

    def draw(self, rng: np.random.Generator) -> State:
        """A gain in dB, evenly between the two extremes."""
        return {"db": rng.uniform(-self.db, self.db)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Times 10^(dB / 20)."""
        return sound * np.float32(10 ** (state["db"] / 20))


@dataclass(frozen=True, config=STRICT)
class Noise(Augmentation):
    """White Gaussian noise, `snr_db` to `snr_db` + 30 dB below the clip's power."""

    acts_on = "sound"
    needs = "any feature"

    snr_db: Ratio

    def draw(self, rng: np.random.Generator) -> State:
        """Ratio of the clip's power to the noise's in dB, and the seed of the noise."""
        return draw_noise(self.snr_db, rng)

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Silence stays silent."""
        rng = np.random.default_rng(state["seed"])
        scale = np.sqrt(np.mean(np.square(sound))) * 10 ** (-state["snr_db"] / 20)
        return sound + rng.standard_normal(len(sound), np.float32) * np.float32(scale)


@dataclass(frozen=True, config=STRICT)
class PitchShift(Augmentation):
    """Higher or lower by up to `semitones`, as long as before: `librosa.effects.pitch_shift`."""

    acts_on = "sound"
    needs = "any feature"

    semitones: Annotated[float, Field(gt=0, le=24)]

    def draw(self, rng: np.random.Generator) -> State:
        """A shift in semitones, evenly between the two extremes."""
        return {"semitones": rng.uniform(-self.semitones, self.semitones)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Phase vocoder and resampling (Laroche & Dolson, 1999)."""
        compile_librosa()
        from librosa.effects import pitch_shift

        # The rate cancels out: only its ratio to the shifted one is used.
        return pitch_shift(sound, sr=1000, n_steps=state["semitones"])


@dataclass(frozen=True, config=STRICT)
class TimeStretch(Augmentation):
    """Faster or slower by up to `rate`, at the same pitch: `librosa.effects.time_stretch`."""

    acts_on = "sound"
    needs = "any feature"

    rate: Annotated[float, Field(gt=1, le=4)]

    def draw(self, rng: np.random.Generator) -> State:
        """A factor for the tempo, as often above 1 as below."""
        return {"rate": self.rate ** rng.uniform(-1, 1)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """Phase vocoder; what is too long is cut off, and what is too short is repeated."""
        compile_librosa()
        from librosa.effects import time_stretch

        return np.resize(time_stretch(sound, rate=state["rate"]), len(sound))


@dataclass(frozen=True, config=STRICT)
class TimeShift(Augmentation):
    """The clip starts up to `share` of its length later, and its end comes first."""

    acts_on = "sound"
    needs = "any feature"

    share: Annotated[float, Field(gt=0, le=1)]

    def draw(self, rng: np.random.Generator) -> State:
        """A share of the clip."""
        return {"share": rng.uniform(0, self.share)}

    @staticmethod
    def apply(sound: Array, state: State) -> Array:
        """`numpy.roll`."""
        return np.roll(sound, round(state["share"] * len(sound)))
