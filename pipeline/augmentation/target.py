"""The feature that is augmented, and how its samples are made."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.audio.pcm import Pcm, from_pcm
from pipeline.augmentation.base import Augmentation, State
from pipeline.base.arrays import Array
from pipeline.features.shared.feature import Feature

AnyKind = Augmentation | type[Augmentation]  # `apply` is static, so a class will do as well


@dataclass(frozen=True)
class Target:
    """A feature as it lies in its store.

    Attributes
    ----------
    feature : Feature or None
        None for a feature of the user's own, of which only the rows are known.
    sample_rate : int
        Of the clips, in Hz.
    shape : tuple of int
        Of a row: (height, width, channels) for a picture, (frames,) for values over time.
    dtype : str
        Name of a row's dtype, which is the same in every process.
    """

    feature: Feature | None
    sample_rate: int
    shape: tuple[int, ...]
    dtype: str

    def make_sample(
        self, kinds: Sequence[AnyKind], states: Sequence[State], row: Array, pcm: Pcm | None
    ) -> Array:
        """Make a sample of a clip.

        Parameters
        ----------
        kinds : sequence of Augmentation
            What the sample goes through.
        states : sequence of dict
            What was drawn for each of them.
        row : array of `shape` and `dtype`
            The clip's row.
        pcm : int16 array, shape (samples,), or None
            The clip, where the first of `kinds` acts on sound.

        Returns
        -------
        array of `shape` and `dtype`
        """
        steps = list(zip(kinds, states, strict=True))
        on_sound = [step for step in steps if step[0].acts_on == "sound"]
        if on_sound:
            assert self.feature is not None
            assert pcm is not None
            sound = from_pcm(pcm)
            for kind, state in on_sound:
                sound = kind.apply(sound, state)
            row = self.feature(sound[np.newaxis], self.sample_rate)[0]
        on_picture = steps[len(on_sound) :]
        return self._change_row(row, on_picture) if on_picture else row

    def _change_row(self, row: Array, steps: Sequence[tuple[AnyKind, State]]) -> Array:
        shape = row.shape if len(self.shape) == 3 else (1, *row.shape, 1)
        picture = recast(row, np.float32).reshape(shape)
        for kind, state in steps:
            picture = np.ascontiguousarray(self._apply(kind, picture, state))
        if row.dtype.kind in "iu":
            limits = np.iinfo(row.dtype)
            picture = np.clip(np.rint(picture), limits.min, limits.max)
        return recast(picture, row.dtype).reshape(row.shape)

    def _apply(self, kind: AnyKind, picture: Array, state: State) -> Array:
        if kind.acts_on != "decibels":
            return kind.apply(picture, state)
        assert self.steps_per_db is not None
        steps = np.float32(self.steps_per_db)
        return kind.apply(picture / steps, state) * steps

    @property
    def steps_per_db(self) -> float | None:
        """By how much the rows' values rise for each dB."""
        return self.feature.steps_per_db if self.feature else None


def recast(x: Array, dtype: npt.DTypeLike) -> Array:
    """`x.ravel().astype(dtype)`, except that -0 becomes 0 in float16."""
    if np.float16 not in (x.dtype, dtype):
        return x.ravel().astype(dtype)
    # NumPy takes several times as long for float16, and as long as all the rest of a sample.
    depth = cv2.CV_16F if dtype == np.float16 else cv2.CV_32F
    return cv2.add(x.ravel(), 0, dtype=depth)  # type: ignore[call-overload]  # takes numbers
