"""What augmentation brings to training: new samples from the store, or rows drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.audit import LeakError
from pipeline.augmentations import Chain
from pipeline.augmenting import generator
from pipeline.errors import PipelineError
from pipeline.fingerprint import digest
from pipeline.kind import Array
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.medium import Medium
from pipeline.params import Params
from pipeline.rows import StoredRows
from pipeline.samples import (
    AUGMENTED,
    TABLE,
    Sample,
    by_store,
    chosen_medium,
    read_samples,
    require_rows,
)
from pipeline.store import CLIPS, FEATURE_STORES, Store


@dataclass(frozen=True)
class Inline:
    """Changes rows as they go into training; what it draws follows from seed, clip and epoch.

    Attributes
    ----------
    probability : float
        That a row is changed, by one of `chains`.
    seed : int
        The fold's own.
    track_ids : str array, shape (n,)
        Of all labelled rows.
    clips : int array, shape (n,)
        Number of each one's clip in its track.
    sound : StoredRows or None
        PCM of all labelled clips, where a chain acts on it.
    """

    chains: tuple[Chain, ...]
    medium: Medium
    probability: float
    seed: int
    track_ids: npt.NDArray[np.str_] = field(repr=False)
    clips: npt.NDArray[np.int64] = field(repr=False)
    sound: StoredRows | None = field(repr=False)
    heard: str  # hash of the sound

    def __call__(self, rows: Array, numbers: npt.NDArray[np.int64], epoch: int) -> Array:
        """New rows for the labelled rows of these `numbers`, of the same shape and dtype."""
        changed = rows.copy()
        for place, name in enumerate(self.names(numbers)):
            rng = generator(self.seed, *name, str(epoch))
            if rng.random() < self.probability:
                chain = self.chains[rng.integers(len(self.chains))]
                number = numbers[place : place + 1]
                pcm = self.sound[number][0] if chain.hears and self.sound else None
                changed[place] = self.medium.make(chain.draw(rng), rows[place], pcm)
        return changed

    def names(self, numbers: npt.NDArray[np.int64]) -> list[tuple[str, str]]:
        """Track and clip of the labelled rows of these `numbers`: by them the draws are made."""
        chosen = self.track_ids[numbers].tolist(), self.clips[numbers].astype(str).tolist()
        return list(zip(*chosen, strict=True))


@dataclass(frozen=True)
class Augmented:
    """New samples that may train beside their parents.

    Attributes
    ----------
    parts : list of StoredRows
        Their rows, one store behind another.
    parents : int array, shape (m,)
        Number of each one's parent among the labelled rows.
    digests : dict of str to str
        Hash of all samples of a track.
    """

    parts: list[StoredRows]
    parents: npt.NDArray[np.int64]
    digests: dict[str, str]


def load_inline(params: Params, clips: LabelledClips) -> Inline | None:
    """What changes rows in training; None unless `augment.mode` is inline."""
    if params.augment.mode != "inline":
        return None
    with Store(FEATURE_STORES / params.feature) as store:
        medium = chosen_medium(params, store)
    hears = any(chain.hears for chain in params.augment.kinds)
    sound = load_labelled(CLIPS, clips.tracks) if hears else None
    return Inline(
        params.augment.kinds,
        medium,
        params.augment.probability,
        params.seed,
        clips.track_ids,
        clips.clip_numbers,
        sound.rows if sound else None,
        digest(repr(sorted(sound.digests.items()))) if sound else "",
    )


def load_augmented(
    params: Params, clips: LabelledClips, folder: Path = AUGMENTED
) -> Augmented | None:
    """The samples in `folder`, each found to be of the parent it names; None unless offline.

    It goes by the digests in the stores, and reads no row.

    Raises
    ------
    PipelineError
        Table and stores do not go together, or are of another feature.
    LeakError
        A sample is of another clip than it says.
    """
    if params.augment.mode != "offline":
        return None
    samples = read_samples(folder)
    if not samples:
        raise PipelineError(f"{folder / TABLE} has no samples; run `dvc repro`")
    rows = _rows_by_clip(clips)
    _require_parents(samples, FEATURE_STORES / params.feature, params.feature)
    _require_labels(samples, {track.track_id: track.genre for track in clips.tracks})
    parts, parents = [], []
    digests: dict[str, list[str]] = {}
    for chain, tracks in by_store(samples).items():
        with Store(folder / chain) as store:
            numbers = []
            for track_id, made in tracks.items():
                require_rows(store, track_id, made)
                digests.setdefault(track_id, []).append(store.digest(track_id))
                start = store.span(track_id).start
                for number, sample in enumerate(made, start):
                    if (track_id, sample.clip) in rows:  # protocols leave tracks out
                        numbers.append(number)
                        parents.append(rows[track_id, sample.clip])
        parts.append(StoredRows(folder / chain, np.array(numbers, np.int64)))
    return Augmented(
        parts,
        np.array(parents, np.int64),
        {track_id: digest(*found) for track_id, found in digests.items()},
    )


def _rows_by_clip(clips: LabelledClips) -> dict[tuple[str, int], int]:
    """Number of the labelled row of each track and clip."""
    names = zip(clips.track_ids.tolist(), clips.clip_numbers.tolist(), strict=True)
    return {name: row for row, name in enumerate(names)}


def _require_labels(samples: Sequence[Sample], genres: Mapping[str, str]) -> None:
    for sample in samples:
        genre = genres.get(sample.track_id, sample.genre)  # protocols leave tracks out
        if sample.genre != genre:
            raise PipelineError(
                f"sample {sample.name} is labelled {sample.genre!r}, its parent {genre!r}; "
                "run `dvc repro`"
            )


def _require_parents(samples: Sequence[Sample], features: Path, feature: str) -> None:
    """Each sample was made of the very row that it names."""
    with Store(features) as store:
        known = {name: store.row_digests(name) for name in store.track_ids}
    for sample in samples:
        if sample.feature != feature:
            raise PipelineError(
                f"sample {sample.name} is of the feature {sample.feature!r}, not {feature!r}; "
                "run `dvc repro`"
            )
        found = known.get(sample.track_id, [])
        if sample.clip < len(found) and found[sample.clip] == sample.parent_sha256:
            continue
        made_of = _place(sample.parent_sha256, known)
        if not made_of:
            raise PipelineError(
                f"sample {sample.name} was made of a row that {features} does not have any more; "
                "run `dvc repro`"
            )
        raise LeakError(
            f"leak: sample {sample.name} says that it is of clip {sample.clip} of "
            f"{sample.track_id}, but was made of {made_of}"
        )


def _place(sha256: str, known: Mapping[str, Sequence[str]]) -> str:
    """Which clip of which track a row is; empty if it is none of them."""
    found = ((name, digests) for name, digests in known.items() if sha256 in digests)
    return next((f"clip {digests.index(sha256)} of {name}" for name, digests in found), "")
