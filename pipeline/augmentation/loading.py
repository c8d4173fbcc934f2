"""What augmentation brings to training: samples from the store, or rows drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.params import AugmentParams
from pipeline.augmentation.samples import (
    TABLE,
    Sample,
    by_store,
    read_samples,
    require_rows,
    target_of,
)
from pipeline.base.digests import digest
from pipeline.base.errors import PipelineError
from pipeline.base.paths import AUGMENTED, CLIPS, FEATURE_STORES
from pipeline.folds.errors import LeakError
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.store.rows import StoredRows
from pipeline.store.store import Store


def load_inline(
    augment: AugmentParams, feature: str, clips: LabelledClips, seed: int
) -> InlineAugmentation:
    """What changes the rows of `clips` in training, by the kinds of `augment`."""
    with Store(FEATURE_STORES / feature) as store:
        target = target_of(store)
    augment.require_use(target)
    needs_sound = any(chain.needs_sound for chain in augment.kinds)
    sound = load_labelled(CLIPS, clips.tracks) if needs_sound else None
    return InlineAugmentation(
        chains=augment.kinds,
        target=target,
        probability=augment.probability,
        seed=seed,
        track_ids=clips.track_ids,
        clips=clips.clip_numbers,
        sound=sound.rows if sound else None,
        sound_digest=digest(repr(sorted(sound.digests.items()))) if sound else "",
    )


@dataclass(frozen=True)
class StoredSamples:
    """Augmented samples that may train beside their parents.

    Attributes
    ----------
    parts : list of StoredRows
        Their rows, one store behind another.
    parents : int array, shape (m,)
        Number of each one's parent among the labelled rows.
    names : list of (str, int), length m
        Track and clip that each was made of, as the table of samples has it.
    digests : dict of str to str
        Hash of all samples of a track.
    """

    parts: list[StoredRows]
    parents: npt.NDArray[np.int64]
    names: list[tuple[str, int]]
    digests: dict[str, str]


def load_samples(feature: str, clips: LabelledClips, folder: Path = AUGMENTED) -> StoredSamples:
    """The samples in `folder`, each found to be of the parent that it names.

    It goes by the digests in the stores, and reads no row.

    Parameters
    ----------
    feature : str
        Name of the feature that the samples should be of.

    Raises
    ------
    PipelineError
        Table and stores do not go together, or are of another feature.
    LeakError
        A sample is of another clip than it says.
    """
    samples = read_samples(folder)
    if not samples:
        raise PipelineError(f"{folder / TABLE} has no samples; run `dvc repro`")
    rows = _rows_by_clip(clips)
    _require_parents(samples, FEATURE_STORES / feature, feature)
    _require_labels(samples, {track.track_id: track.genre for track in clips.tracks})
    parts, parents, names = [], [], []
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
                        names.append((track_id, sample.clip))
        parts.append(StoredRows(folder / chain, np.array(numbers, np.int64)))
    return StoredSamples(
        parts,
        np.array(parents, np.int64),
        names,
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
