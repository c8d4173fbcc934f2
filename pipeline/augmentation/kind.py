"""Kinds of augmentation, and chains of them.

A kind is a class in the file of its medium: sounds.py, pictures.py or decibels.py.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.base.files import source_of
from pipeline.base.types import Array

MEDIA = ("sounds", "pictures", "decibels")  # the files that define kinds
LINK = "+"  # between the kinds of a chain

State = dict[str, Any]
# Signal-to-noise ratio in dB. Far beyond the bounds, powers are not finite, or nothing changes.
Ratio = Annotated[float, Field(ge=-40, le=100)]


class Augmentation(ABC):
    """Base class of all kinds.

    A subclass is a frozen pydantic dataclass. Its fields are the ranges to draw from: the section
    `augment.<name>` of params.yaml.

    Attributes
    ----------
    acts_on : str
        What `apply` takes and returns, as float32:

        ``"sound"``
            a clip of shape (samples,); full scale is 1, and what goes beyond it is kept;
        ``"picture"``
            a row of shape (height, width, channels) in its own values: frequency up, time across;
        ``"decibels"``
            a row of shape (bands, frames, 1) in dB against any reference.
    needs : str
        Which features it can change: ``"any feature"``, ``"picture"`` or ``"decibels"``.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    acts_on: ClassVar[Literal["sound", "picture", "decibels"]]
    needs: ClassVar[Literal["any feature", "picture", "decibels"]]

    def draw(self, rng: np.random.Generator) -> State:  # noqa: ARG002
        """Draw everything that is left to chance, as values that JSON can hold; here nothing."""
        return {}

    @staticmethod
    @abstractmethod
    def apply(x: Array, state: State, /) -> Array:
        """Return `x` changed as `state` says, in the same shape and dtype.

        The result may be a view of `x`, which itself is not modified. It follows from `x` and
        `state` alone, so that a sample can be made again when the ranges are others.
        """


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
    def sources(self) -> tuple[str, ...]:
        """The files of its kinds, as in dvc.yaml."""
        return tuple(sorted(set(map(source_of, self.kinds))))

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


@cache
def augmentations() -> dict[str, type[Augmentation]]:
    """Every kind of augmentation by name, sorted: the class `TimeMask` is the kind `time_mask`."""
    kinds = [
        cls
        for medium in MEDIA
        for cls in vars(import_module(f"{__package__}.{medium}")).values()
        if isinstance(cls, type) and issubclass(cls, Augmentation) and cls is not Augmentation
    ]
    return dict(sorted((_name_of(cls), cls) for cls in kinds))


def chain_of(name: str, kinds: Mapping[str, Augmentation]) -> Chain:
    """Return the chain with a name such as `pitch_shift+time_mask`.

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


def generator(seed: int, *name: str) -> np.random.Generator:
    """Return a generator that follows from a seed and a name, such as a sample's track and clip."""
    words = hashlib.sha256(repr(name).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])


def draw_noise(lowest: float, rng: np.random.Generator) -> State:
    """Draw a signal-to-noise ratio from the 30 dB above `lowest`, and a seed for the noise."""
    return {"snr_db": lowest + rng.uniform(0, 30), "seed": int(rng.integers(2**63))}


def _name_of(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
