"""Pure: kinds of augmentation by name, and chains of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from pipeline.kind import SOUND, Kind, State
from pipeline.on_pictures import (
    Blur,
    Flip,
    FrequencyMask,
    Mirror,
    Rotate,
    Stretch,
    TimeMask,
    Zoom,
)
from pipeline.on_sound import Gain, Noise, PitchShift, TimeShift, TimeStretch
from pipeline.on_spectra import Equaliser, SpectralNoise

LINK = "+"  # between the kinds of a chain

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
    def effect(self) -> str | frozenset[str]:
        """What tells it from others; where nothing is left to chance, the order does not."""
        return self.name if self.varies else frozenset(self.name.split(LINK))

    @property
    def named(self) -> list[tuple[str, Kind]]:
        """The kinds with their names."""
        return list(zip(self.name.split(LINK), self.kinds, strict=True))

    def draw(self, rng: np.random.Generator) -> list[State]:
        """The state of every kind, under its name."""
        return [{"kind": name, **kind.draw(rng)} for name, kind in self.named]


def chain_of(name: str, kinds: Mapping[str, Kind]) -> Chain:
    """The chain of a name such as `pitch_shift+time_mask`.

    Raises
    ------
    ValueError
        A name in it is none of a kind, one that leaves nothing to chance is in it twice, or sound
        comes behind what is no sound any more.
    """
    names = name.split(LINK)
    unknown = [each for each in names if each not in kinds]
    if unknown:
        raise ValueError(f"no such kind: {unknown[0]!r}")
    chosen = tuple(kinds[each] for each in names)
    twice = [each for each in names if names.count(each) > 1 and not fields(kinds[each])]
    if twice:
        raise ValueError(f"{twice[0]!r} should be in it once, as the second undoes the first")
    on_sound = [kind.acts_on == SOUND for kind in chosen]
    if on_sound != sorted(on_sound, reverse=True):
        raise ValueError("kinds that act on sound come first")
    return Chain(name, chosen)
