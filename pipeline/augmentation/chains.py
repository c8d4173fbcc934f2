"""Chains: the kinds of augmentation that one sample goes through, in order."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from pipeline.augmentation.base import Augmentation, State

LINK = "+"  # between the kinds of a chain


@dataclass(frozen=True)
class Chain:
    """Kinds that one sample goes through, in order.

    Attributes
    ----------
    name : str
        Their names, with LINK between them.
    kinds : tuple of Augmentation
    """

    name: str
    kinds: tuple[Augmentation, ...]

    @property
    def needs_sound(self) -> bool:
        """Whether it starts from the clip's sound."""
        return self.kinds[0].acts_on == "sound"

    @property
    def is_random(self) -> bool:
        """Whether anything is left to chance, so that two samples of a clip differ."""
        return any(fields(kind) for kind in self.kinds)

    @property
    def identity(self) -> str | frozenset[str]:
        """Equal for chains that do the same: without chance, the order makes no difference."""
        return self.name if self.is_random else frozenset(self.name.split(LINK))

    @property
    def named(self) -> list[tuple[str, Augmentation]]:
        """The kinds with their names."""
        return list(zip(self.name.split(LINK), self.kinds, strict=True))

    def draw(self, rng: np.random.Generator) -> list[State]:
        """Draw a state for each kind, which also names the kind."""
        return [{"kind": name, **kind.draw(rng)} for name, kind in self.named]


def chain_of(name: str, kinds: Mapping[str, Augmentation]) -> Chain:
    """The chain with a name such as `pitch_shift+time_mask`.

    Raises
    ------
    ValueError
        It names no kind, repeats one that leaves nothing to chance, or has one that acts on sound
        after one that does not.
    """
    names = name.split(LINK)
    unknown = [each for each in names if each not in kinds]
    if unknown:
        raise ValueError("no such kind" if len(names) == 1 else f"{unknown[0]!r} is no kind")
    chosen = tuple(kinds[each] for each in names)
    twice = [each for each in names if names.count(each) > 1 and not fields(kinds[each])]
    if twice:
        raise ValueError(f"{twice[0]!r} should be in it once, as the second undoes the first")
    on_sound = [kind.acts_on == "sound" for kind in chosen]
    if on_sound != sorted(on_sound, reverse=True):
        raise ValueError("kinds that act on sound come first")
    return Chain(name, chosen)
