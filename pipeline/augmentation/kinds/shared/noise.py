"""What kinds that add noise draw."""

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.augmentation.base import State

# Signal-to-noise ratio in dB. Far beyond the bounds, powers are not finite, or nothing changes.
Ratio = Annotated[float, Field(ge=-40, le=100)]


def draw_noise(lowest: float, rng: np.random.Generator) -> State:
    """A signal-to-noise ratio evenly from the 30 dB above `lowest`, and a seed for the noise."""
    return {"snr_db": lowest + rng.uniform(0, 30), "seed": int(rng.integers(2**63))}
