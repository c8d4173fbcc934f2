"""The kind `pitch_shift`: higher or lower, and as long as before."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT


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
        from librosa.effects import pitch_shift

        # The rate cancels out: only its ratio to the shifted one is used.
        return pitch_shift(sound, sr=1000, n_steps=state["semitones"])
