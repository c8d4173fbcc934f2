"""The section `augment` of params.yaml: which kinds are in use, and how, and the ranges of all."""

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import Augmentation
from pipeline.augmentation.chains import Chain, chain_of
from pipeline.augmentation.registry import augmentations
from pipeline.augmentation.suitability import reason_against
from pipeline.augmentation.target import Target
from pipeline.base.errors import ParamsError
from pipeline.base.fields import STRICT
from pipeline.base.sections import one_of, parse, section


@dataclass(frozen=True, config=STRICT)
class _Settings:
    mode: Literal["none", "offline", "inline"]
    copies: Annotated[int, Field(ge=1, le=100)]
    probability: Annotated[float, Field(gt=0, le=1)]


@dataclasses.dataclass(frozen=True)
class AugmentParams:
    """How training data are augmented.

    Attributes
    ----------
    mode : str
        ``"none"``; ``"offline"``: samples are made once and kept; ``"inline"``: training rows are
        changed in each batch.
    copies : int
        Offline: the number of samples of each labelled clip.
    probability : float
        Inline: the share of the training clips that are changed in an epoch.
    kinds : tuple of Chain
        Those in use.
    ranges : dict of str to Augmentation
        Every kind by name, with its ranges.
    """

    mode: str
    copies: int
    probability: float
    kinds: tuple[Chain, ...]
    ranges: dict[str, Augmentation]

    def applicable_chains(self, target: Target) -> list[Chain]:
        """Every single kind, and the chains in use, as far as they can change `target`."""
        single = [Chain(name, (kind,)) for name, kind in self.ranges.items()]
        chains = [*single, *(chain for chain in self.kinds if chain not in single)]
        return [chain for chain in chains if not reason_against(target, chain)]

    def in_use(self) -> dict[str, Any]:
        """The parameters that have an effect, as they are under `augment` in params.yaml."""
        if self.mode == "none":
            return {"mode": "none"}
        amount = "copies" if self.mode == "offline" else "probability"
        named = dict(pair for chain in self.kinds for pair in chain.named)
        return {
            "mode": self.mode,
            amount: getattr(self, amount),
            "kinds": [chain.name for chain in self.kinds],
            **{name: dataclasses.asdict(kind) for name, kind in named.items()},
        }

    def require_applicable(self, target: Target) -> None:
        """Raise `ParamsError` if a kind in use cannot change `target`."""
        for index, chain in enumerate(self.kinds if self.mode != "none" else ()):
            reason = reason_against(target, chain)
            if reason:
                raise ParamsError(f"augment.kinds.{index} = {chain.name!r}: {reason}")


def parse_augment(value: Any) -> AugmentParams:
    """The section `augment`.

    Raises
    ------
    ParamsError
        Names the key, its value and what would be right.
    """
    settings = [field.name for field in dataclasses.fields(_Settings)]
    content = section(value, "augment", [*settings, "kinds", *augmentations()])
    ranges = {
        name: parse(cls, content[name], f"augment.{name}") for name, cls in augmentations().items()
    }
    chosen = parse(_Settings, {name: content[name] for name in settings}, "augment")
    kinds = _parse_kinds(content["kinds"], ranges)
    params = AugmentParams(**dataclasses.asdict(chosen), kinds=kinds, ranges=ranges)
    _require_new_copies(params)
    return params


def _parse_kinds(names: Any, ranges: dict[str, Augmentation]) -> tuple[Chain, ...]:
    if not isinstance(names, list) or not names:
        raise ParamsError(
            f"augment.kinds = {names!r}: should be a list of {one_of(augmentations())}"
        )
    chains: list[Chain] = []
    for index, name in enumerate(names):
        key = f"augment.kinds.{index} = {name!r}"
        chain = _parse_chain(str(name), key, ranges)
        same = [other.name for other in chains if other.identity == chain.identity]
        if same:
            raise ParamsError(f"{key}: the same as {same[0]!r}; should be listed once")
        chains.append(chain)
    return tuple(chains)


def _parse_chain(name: str, key: str, ranges: dict[str, Augmentation]) -> Chain:
    try:
        return chain_of(name, ranges)
    except ValueError as error:
        choices = f"{', '.join(ranges)}; + joins several"
        raise ParamsError(f"{key}: {error}; choose from {choices}") from None


def _require_new_copies(params: AugmentParams) -> None:
    """The copies of a clip take the kinds in turn, and one that is not random only has one turn."""
    fixed = [chain.name for chain in params.kinds if not chain.is_random]
    if params.mode == "offline" and fixed and params.copies > len(params.kinds):
        raise ParamsError(
            f"augment.copies = {params.copies}: should be at most {len(params.kinds)}, the number "
            f"of augment.kinds, while {fixed[0]!r} is one, which changes a clip in one way only"
        )
