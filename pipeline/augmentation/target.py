"""The recipe that makes augmented samples of a feature, and the section `augment`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from pipeline.audio.clips import Pcm, from_pcm
from pipeline.augmentation.kind import (
    Augmentation,
    Chain,
    State,
    augmentations,
    chain_of,
    generator,
)
from pipeline.base.errors import ParamsError, PipelineError
from pipeline.base.files import source_of
from pipeline.base.params import one_of, parse, section
from pipeline.base.types import STRICT, Array, Result
from pipeline.features.shared.feature import Feature

SOURCES = (
    "pipeline/audio/clips.py",
    "pipeline/augmentation/kind.py",
    "pipeline/augmentation/target.py",
    "pipeline/features/shared",
)

AnyKind = Augmentation | type[Augmentation]  # `apply` is static, so a class will do as well
Pick = tuple[int, int]  # a sample to make of a track: the clip's number, and which copy, from 0


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

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides the samples, besides the files of their kinds."""
        return (*SOURCES, *([source_of(self.feature)] if self.feature else []))

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
        picture = row.astype(np.float32).reshape(shape)
        for kind, state in steps:
            picture = np.ascontiguousarray(self._apply(kind, picture, state))
        if row.dtype.kind in "iu":
            limits = np.iinfo(row.dtype)
            picture = np.clip(np.rint(picture), limits.min, limits.max)
        return picture.astype(row.dtype).reshape(row.shape)

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


def reason_against(target: Target, chain: Chain) -> str:
    """Return why a chain cannot change the feature `target`; empty if it can."""
    return _reason_against_all(target) or next(
        filter(None, (_reason_against_kind(target, kind) for kind in chain.kinds)), ""
    )


@dataclass(frozen=True)
class Parent:
    """A track, and the samples that are to be made of it.

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

    @property
    def sources(self) -> tuple[str, ...]:
        """The code that decides the samples, as in dvc.yaml."""
        return (*self.target.sources, *self.chain.sources)

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


@strict_dataclass(frozen=True, config=STRICT)
class _Settings:
    mode: Literal["none", "offline", "inline"]
    copies: Annotated[int, Field(ge=1, le=100)]
    probability: Annotated[float, Field(gt=0, le=1)]


@dataclasses.dataclass(frozen=True)
class AugmentParams:
    """Parameters of the augmentation of training data.

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
        The chains in use.
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
    """Parse the section `augment`.

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
    """Refuse so many copies of a clip that a chain without chance would make the same one again."""
    fixed = [chain.name for chain in params.kinds if not chain.is_random]
    if params.mode == "offline" and fixed and params.copies > len(params.kinds):
        raise ParamsError(
            f"augment.copies = {params.copies}: should be at most {len(params.kinds)}, the number "
            f"of augment.kinds, while {fixed[0]!r} is one, which changes a clip in one way only"
        )


def _reason_against_all(target: Target) -> str:
    if len(target.shape) not in (1, 3):
        return "changes pictures and values over time, and rows of this feature are neither"
    dtype = np.dtype(target.dtype)
    exact = dtype.kind in "iu" and dtype.itemsize <= 2  # in float32, in which all is computed
    if dtype.kind != "f" and not exact:
        known = "floats and integers of up to 16 bits"
        return f"changes {known}, and rows of this feature are {target.dtype}"
    return ""


def _reason_against_kind(target: Target, kind: Augmentation) -> str:
    if kind.acts_on != "sound" and target.feature is not None and target.feature.is_vector:
        return "changes pictures and values over time, and rows of this feature are vectors"
    if kind.acts_on == "sound" and target.feature is None:
        return "acts on sound, and how to compute this feature from sound is not known"
    if kind.needs == "decibels" and target.steps_per_db is None:
        return "changes features in dB only, and rows of this feature are not in dB"
    if kind.needs == "picture" and len(target.shape) != 3:
        return "changes pictures only, and rows of this feature have no frequencies"
    if kind.needs == "picture" and target.shape[0] == 1:
        return "changes pictures of several bands only, and rows of this feature have one"
    return ""
