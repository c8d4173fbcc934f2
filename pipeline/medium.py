"""Pure: what samples are made in, which kinds are of use there, and a sample made by them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.augmentations import AUGMENTATIONS, Chain
from pipeline.features import Feature
from pipeline.kind import DECIBELS, PICTURE, SOUND, Array, Kind, State
from pipeline.on_pictures import recast
from pipeline.pcm import Pcm, from_pcm


@dataclass(frozen=True)
class Medium:
    """What samples are made in: a feature, as `params.yaml` has it.

    Attributes
    ----------
    feature : Feature or None
        None for one of the user's own, of which only the rows are known.
    sample_rate : int
        Of the clips, in Hz.
    shape : tuple of int
        Of a row: (height, width, channels) for a picture, (frames,) for values over time.
    dtype : str
        Name of a row's, which is the same in every process.
    """

    feature: Feature | None
    sample_rate: int
    shape: tuple[int, ...]
    dtype: str

    def cannot(self, chain: Chain) -> str:
        """Why a chain is of no use here; empty if it is of use."""
        return self._unfit or next(filter(None, map(self._lacks, chain.kinds)), "")

    @property
    def _unfit(self) -> str:
        """Why no kind is of use, whichever it is."""
        if len(self.shape) not in (1, 3):
            return "changes pictures and values over time, and rows of this feature are neither"
        dtype = np.dtype(self.dtype)
        exact = dtype.kind in "iu" and dtype.itemsize <= 2  # in float32, in which all is computed
        if dtype.kind != "f" and not exact:
            known = "floats and integers of up to 16 bits"
            return f"changes {known}, and rows of this feature are {self.dtype}"
        return ""

    def _lacks(self, kind: Kind) -> str:
        """What a kind needs and does not find."""
        if kind.acts_on == SOUND and self.feature is None:
            return "acts on sound, and how to compute this feature from sound is not known"
        if kind.needs == DECIBELS and self._steps is None:
            return "changes features in dB only: mel with one channel, grey"
        if kind.needs == PICTURE and len(self.shape) != 3:
            return "changes pictures only, and rows of this feature have no frequencies"
        if kind.needs == PICTURE and self.shape[0] == 1:
            return "changes pictures of several bands only, and rows of this feature have one"
        return ""

    def make(self, states: Sequence[State], row: Array, pcm: Pcm | None) -> Array:
        """A sample, from its states, its parent's row and, where it starts from sound, its clip.

        Returns
        -------
        array
            Of the row's shape and dtype.
        """
        kinds = [(AUGMENTATIONS[state["kind"]], state) for state in states]
        heard = [(kind, state) for kind, state in kinds if kind.acts_on == SOUND]
        if heard:
            assert self.feature is not None
            assert pcm is not None
            sound = from_pcm(pcm)
            for kind, state in heard:
                sound = kind.apply(sound, state)
            row = self.feature(sound[np.newaxis], self.sample_rate)[0]
        seen = kinds[len(heard) :]
        return self._redraw(row, seen) if seen else row

    def _redraw(self, row: Array, kinds: Sequence[tuple[type[Kind], State]]) -> Array:
        shape = row.shape if len(self.shape) == 3 else (1, *row.shape, 1)
        picture = recast(row, np.float32).reshape(shape)
        for kind, state in kinds:
            picture = np.ascontiguousarray(self._apply(kind, picture, state))
        if row.dtype.kind in "iu":
            limits = np.iinfo(row.dtype)
            picture = np.clip(np.rint(picture), limits.min, limits.max)
        return recast(picture, row.dtype).reshape(row.shape)

    def _apply(self, kind: type[Kind], picture: Array, state: State) -> Array:
        if kind.acts_on != DECIBELS:
            return kind.apply(picture, state)
        assert self._steps is not None
        steps = np.float32(self._steps)
        return kind.apply(picture / steps, state) * steps

    @property
    def _steps(self) -> float | None:
        """By how much the rows' values rise with a dB."""
        return self.feature.steps_per_db if self.feature else None
