"""Pure: kinds of augmentation by name, chains of them, and a sample made by one.

A kind is a frozen dataclass of its ranges: `draw(rng)` gives a state that JSON can hold, and
`apply(x, state)` follows from the two alone and keeps the shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.features import Feature
from pipeline.on_pictures import (
    Blur,
    Flip,
    FrequencyMask,
    Mirror,
    Rotate,
    Stretch,
    TimeMask,
    Zoom,
    recast,
)
from pipeline.on_sound import Gain, Noise, PitchShift, TimeShift, TimeStretch
from pipeline.on_spectra import Equaliser, SpectralNoise
from pipeline.pcm import Pcm, from_pcm

Array = npt.NDArray[Any]
State = dict[str, Any]

SOUND, PICTURE, DECIBELS, ANY = "sound", "picture", "decibels", "any feature"
LINK = "+"  # between the kinds of a chain


class Kind(Protocol):
    """An augmentation with its ranges.

    Attributes
    ----------
    acts_on : str
        SOUND, PICTURE or DECIBELS.
    needs : str
        Which features it can change: ANY, PICTURE or DECIBELS.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    acts_on: ClassVar[str]
    needs: ClassVar[str]

    def draw(self, rng: np.random.Generator) -> State:
        """All that is left to chance."""

    @staticmethod
    def apply(x: Array, state: State, /) -> Array:
        """The same shape and dtype; may be a view of `x`, which it leaves alone."""


AUGMENTATIONS: dict[str, type[Kind]] = {
    "mirror": Mirror,
    "flip": Flip,
    "rotate": Rotate,
    "stretch": Stretch,
    "blur": Blur,
    "zoom": Zoom,
    "time_mask": TimeMask,
    "frequency_mask": FrequencyMask,
    "equaliser": Equaliser,
    "spectral_noise": SpectralNoise,
    "gain": Gain,
    "noise": Noise,
    "pitch_shift": PitchShift,
    "time_stretch": TimeStretch,
    "time_shift": TimeShift,
}


@dataclass(frozen=True)
class Chain:
    """Kinds that one sample goes through, in order.

    Attributes
    ----------
    name : str
        Their names, with LINK between them.
    kinds : tuple of Kind
    """

    name: str
    kinds: tuple[Kind, ...]

    @property
    def hears(self) -> bool:
        """Whether it needs the clip's sound."""
        return self.kinds[0].acts_on == SOUND

    @property
    def varies(self) -> bool:
        """Whether anything is left to chance, so that two samples of a clip differ."""
        return any(fields(kind) for kind in self.kinds)

    @property
    def named(self) -> list[tuple[str, Kind]]:
        """The kinds with their names."""
        return list(zip(self.name.split(LINK), self.kinds, strict=True))

    def draw(self, rng: np.random.Generator) -> list[State]:
        """The state of every kind, under its name."""
        return [{"kind": name, **kind.draw(rng)} for name, kind in self.named]


@dataclass(frozen=True)
class Medium:
    """What samples are made in: a feature, as `params.yaml` has it.

    Attributes
    ----------
    feature : Feature or None
        None for one of the user's own, of which only the rows are known.
    sample_rate : int
        Of the clips, in Hz.
    dimensions : int
        Of a row: 3 for a picture (height, width, channels), 1 for values over time.
    """

    feature: Feature | None
    sample_rate: int
    dimensions: int

    def cannot(self, chain: Chain) -> str:
        """Why a chain is of no use here; empty if it is of use."""
        if self.dimensions not in (1, 3):
            return "changes pictures and values over time, and rows of this feature are neither"
        if chain.hears and self.feature is None:
            return "acts on sound, and how to compute this feature from sound is not known"
        for kind in chain.kinds:
            if kind.needs == DECIBELS and self._steps is None:
                return "changes features in dB only: mel with one channel, grey"
            if kind.needs == PICTURE and self.dimensions != 3:
                return "changes pictures only, and rows of this feature have no frequencies"
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
        shape = row.shape if self.dimensions == 3 else (1, *row.shape, 1)
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


def chain_of(name: str, kinds: Mapping[str, Kind]) -> Chain:
    """The chain of a name such as `pitch_shift+time_mask`.

    Raises
    ------
    ValueError
        A name in it is none of a kind, or sound comes behind what is no sound any more.
    """
    names = name.split(LINK)
    unknown = [each for each in names if each not in kinds]
    if unknown:
        raise ValueError(f"no such kind: {unknown[0]!r}")
    chosen = tuple(kinds[each] for each in names)
    on_sound = [kind.acts_on == SOUND for kind in chosen]
    if on_sound != sorted(on_sound, reverse=True):
        raise ValueError("kinds that act on sound come first")
    return Chain(name, chosen)
