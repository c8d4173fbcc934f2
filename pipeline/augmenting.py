"""Make a labelled track's new samples: which there are, and the recipe that makes them."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.augmentations import Chain
from pipeline.errors import PipelineError
from pipeline.fingerprint import digest
from pipeline.kind import Array
from pipeline.medium import Medium
from pipeline.pcm import Pcm
from pipeline.plan import Job
from pipeline.result import Result
from pipeline.rows import rows_of
from pipeline.store import Store

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
    """Recipe: a Parent -> a row a pick, and their states among the facts.

    What is drawn for a sample follows from the seed, the track, the clip, the copy and the chain.
    """

    chain: Chain
    medium: Medium
    seed: int

    def __call__(self, parent: Parent) -> Result:
        """Rows of the shape and dtype of the parent's.

        Raises
        ------
        PipelineError
            A row, or what is made of it, has a value that is no finite number.
        """
        samples, rows = [], []
        for clip, copy in parent.picks:
            name = (self.chain.name, parent.track_id, str(clip), str(copy))
            states = self.chain.draw(generator(self.seed, *name))
            pcm = None if parent.pcm is None else parent.pcm[clip]
            _require_finite(
                parent.rows[clip],
                f"the feature of clip {clip} of {parent.track_id} has values that are not finite; "
                "compute it anew",
            )
            rows.append(self.medium.make(states, parent.rows[clip], pcm))
            samples.append([clip, copy, states])
            _require_finite(
                rows[-1],
                f"{self.chain.name} makes values that are not finite of clip {clip} of "
                f"{parent.track_id}; narrow the ranges of its kinds",
            )
        return Result({"samples": samples}, np.stack(rows))


def _require_finite(row: Array, otherwise: str) -> None:
    if not np.isfinite(row).all():
        raise PipelineError(otherwise)


def generator(seed: int, *name: str) -> np.random.Generator:
    """Of random numbers that follow from a seed and the name of what they are for."""
    words = hashlib.sha256(repr(name).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])


def picks_of(
    track_id: str, clips: int, chains: Sequence[Chain], copies: int, seed: int
) -> dict[str, list[Pick]]:
    """What each chain makes of a track; a clip's copies take the chains by turns, from any on."""
    picks: dict[str, list[Pick]] = defaultdict(list)
    for clip in range(clips):
        order = generator(seed, track_id, str(clip)).permutation(len(chains))
        for copy in range(copies):
            picks[chains[order[copy % len(chains)]].name].append((clip, copy))
    return picks


def job_of(track_id: str, picks: Sequence[Pick], sources: Sequence[tuple[Path, str]]) -> Job:
    """A track's samples by one chain.

    Parameters
    ----------
    sources : sequence of (Path, str)
        Store of the feature, and of the sound where the chain acts on it; the track's digest there.
    """
    key = digest(track_id, *(content for _, content in sources), repr(picks))
    return Job(track_id, key, partial(_load, track_id, picks, sources))


def _load(track_id: str, picks: Sequence[Pick], sources: Sequence[tuple[Path, str]]) -> Parent:
    found = [rows_of(folder, track_id, content) for folder, content in sources]
    return Parent(track_id, found[0], found[1] if len(found) > 1 else None, picks)


def medium_of(store: Store, feature: Any) -> Medium:
    """What samples of the feature in `store` are made in."""
    rate = store.description.get("sample_rate", 0)  # a feature of the user's own may say none
    return Medium(feature, rate, store.shape[1:], store.dtype.name)
