"""Inline augmentation: training rows are changed in each batch, differently in each epoch."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.augmentation.kind import Chain, generator
from pipeline.augmentation.target import Target
from pipeline.base.types import Array, Rows


@dataclass(frozen=True)
class InlineAugmentation:
    """Changes rows on their way into training; what it draws follows from seed, clip and epoch.

    Attributes
    ----------
    chains : tuple of Chain
    target : Target
    probability : float
        That a row is changed, by one of `chains`.
    seed : int
        The fold's own.
    track_ids : str array, shape (n,)
        Of all labelled rows.
    clip_numbers : int array, shape (n,)
        Number of each row's clip in its track.
    sound : Rows or None
        PCM of all labelled clips, where a chain acts on sound.
    sound_digest : str
        Hash of that sound, as results depend on it.
    """

    chains: tuple[Chain, ...]
    target: Target
    probability: float
    seed: int
    track_ids: npt.NDArray[np.str_] = field(repr=False)
    clip_numbers: npt.NDArray[np.int64] = field(repr=False)
    sound: Rows | None = field(repr=False)
    sound_digest: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides what becomes of the rows, as in dvc.yaml."""
        kinds = (each for chain in self.chains for each in chain.sources)
        return ("pipeline/augmentation/inline.py", *self.target.sources, *kinds)

    def __call__(self, rows: Array, numbers: npt.NDArray[np.int64], epoch: int) -> Array:
        """Return new rows of the same shape and dtype for the labelled rows `numbers`."""
        changed = rows.copy()
        for place, name in enumerate(self.names(numbers)):
            rng = generator(self.seed, *name, str(epoch))
            if rng.random() < self.probability:
                chain = self.chains[rng.integers(len(self.chains))]
                number = numbers[place : place + 1]
                pcm = self.sound[number][0] if chain.needs_sound and self.sound else None
                changed[place] = self.target.make_sample(
                    chain.kinds, chain.draw(rng), rows[place], pcm
                )
        return changed

    def names(self, numbers: npt.NDArray[np.int64]) -> list[tuple[str, str]]:
        """Track and clip of the labelled rows `numbers`: what is drawn depends on these."""
        chosen = self.track_ids[numbers].tolist(), self.clip_numbers[numbers].astype(str).tolist()
        return list(zip(*chosen, strict=True))
