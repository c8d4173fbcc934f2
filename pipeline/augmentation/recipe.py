"""Make augmented samples of a track by one chain."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.audio.pcm import Pcm
from pipeline.augmentation.chains import Chain
from pipeline.augmentation.target import Target
from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.store.results import Result

Pick = tuple[int, int]  # a sample of a track: the number of its parent clip, and which copy


@dataclass(frozen=True)
class Parent:
    """A track, and what is to be made of it.

    Attributes
    ----------
    rows : array, shape (clips, ...)
        Of its feature.
    pcm : int16 array, shape (clips, samples), or None
        Where samples start from sound.
    picks : sequence of (clip, copy)
    """

    track_id: str
    rows: Array
    pcm: Pcm | None
    picks: Sequence[Pick]


@dataclass(frozen=True)
class AugmentTrack:
    """Recipe that turns a Parent into one row for each pick, with their states among the facts.

    What is drawn for a sample follows from the seed, the track, the clip, the copy and the chain.
    """

    chain: Chain
    target: Target
    seed: int

    def __call__(self, parent: Parent) -> Result:
        """Rows of the shape and dtype of the parent's.

        Raises
        ------
        PipelineError
            A row, or what is made of it, has a value that is not finite.
        """
        samples, rows = [], []
        for clip, copy in parent.picks:
            name = (self.chain.name, parent.track_id, str(clip), str(copy))
            states = self.chain.draw(generator(self.seed, *name))
            pcm = None if parent.pcm is None else parent.pcm[clip]
            if not np.isfinite(parent.rows[clip]).all():
                raise PipelineError(
                    f"the feature of clip {clip} of {parent.track_id} has values that are not "
                    "finite; compute it anew"
                )
            rows.append(self.target.make_sample(self.chain.kinds, states, parent.rows[clip], pcm))
            samples.append([clip, copy, states])
            if not np.isfinite(rows[-1]).all():
                raise PipelineError(
                    f"{self.chain.name} makes values that are not finite of clip {clip} of "
                    f"{parent.track_id}; narrow the ranges of its kinds"
                )
        return Result({"samples": samples}, np.stack(rows))


def generator(seed: int, *name: str) -> np.random.Generator:
    """A generator of random numbers that follow from a seed and the name of what they are for."""
    words = hashlib.sha256(repr(name).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])
