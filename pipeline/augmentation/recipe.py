"""The recipe by which one chain makes the augmented samples of a track."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.audio.pcm import Pcm
from pipeline.augmentation.base import State
from pipeline.augmentation.chains import Chain
from pipeline.augmentation.seeds import generator
from pipeline.augmentation.target import Target
from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.store.results import Result

Pick = tuple[int, int]  # a sample to make of a track: the clip's number, and which copy, from 0


@dataclass(frozen=True)
class Parent:
    """A track, and which samples are to be made of it.

    Attributes
    ----------
    track_id : str
    rows : array, shape (clips, ...)
        Its rows of the feature.
    pcm : int16 array, shape (clips, samples), or None
        Its clips, where samples start from sound.
    picks : sequence of (clip, copy)
    """

    track_id: str
    rows: Array
    pcm: Pcm | None
    picks: Sequence[Pick]


@dataclass(frozen=True)
class AugmentTrack:
    """Recipe that turns a `Parent` into one row for each pick, with the drawn states as facts.

    What is drawn for a sample follows from the seed, the track, the clip, the copy and the chain.
    """

    chain: Chain
    target: Target
    seed: int

    def __call__(self, parent: Parent) -> Result:
        """Make rows of the shape and dtype of the parent's.

        Raises
        ------
        PipelineError
            A row of the parent or of a sample has a value that is not finite.
        """
        samples, rows = [], []
        for clip, copy in parent.picks:
            name = (self.chain.name, parent.track_id, str(clip), str(copy))
            states = self.chain.draw(generator(self.seed, *name))
            rows.append(self._make_row(parent, clip, states))
            samples.append([clip, copy, states])
        return Result({"samples": samples}, np.stack(rows))

    def _make_row(self, parent: Parent, clip: int, states: Sequence[State]) -> Array:
        if not np.isfinite(parent.rows[clip]).all():
            raise PipelineError(
                f"the feature of clip {clip} of {parent.track_id} has values that are not finite; "
                "compute it again"
            )
        pcm = None if parent.pcm is None else parent.pcm[clip]
        row = self.target.make_sample(self.chain.kinds, states, parent.rows[clip], pcm)
        if not np.isfinite(row).all():
            raise PipelineError(
                f"{self.chain.name} makes values that are not finite of clip {clip} of "
                f"{parent.track_id}; narrow the ranges of its kinds"
            )
        return row
