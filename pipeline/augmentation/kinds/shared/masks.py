"""Masks that hide a stretch of time or of frequency.

Park et al., "SpecAugment" (2019): the width is drawn evenly from 0 to the largest, then the start
evenly from where it fits. What is hidden takes the picture's mean.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.augmentation.base import State

Width = Annotated[float, Field(gt=0, le=0.9)]


def draw_mask(largest: float, rng: np.random.Generator) -> State:
    """Width and start of a mask, as shares of the whole."""
    width = rng.uniform(0, largest)
    return {"width": width, "start": rng.uniform(0, 1 - width)}


def masked_cells(state: State, cells: int) -> slice:
    """Which of `cells` in a row a mask hides: at least one."""
    start = int(state["start"] * cells)
    return slice(start, start + max(1, round(state["width"] * cells)))
