"""Load what augmentation adds to a training: stored samples, or inline changes of its rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.augmentation.inline import InlineAugmentation
from pipeline.augmentation.samples import (
    TABLE,
    Sample,
    by_store,
    read_samples,
    require_rows,
    target_of,
)
from pipeline.augmentation.target import AugmentParams
from pipeline.base.errors import LeakError, PipelineError
from pipeline.base.files import AUGMENTED, CLIPS, FEATURE_STORES, digest
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.store.store import Store, StoredRows


@dataclass(frozen=True)
class StoredSamples:
    """Augmented samples to be trained on beside their parents.

    Attributes
    ----------
    parts : list of StoredRows
        Their rows, one store after another.
    parents : int array, shape (m,)
        Number of each sample's parent among the labelled rows.
    names : list of (str, int), length m
        Track and clip of each sample's parent, as the table of samples has them.
    digests : dict of str to str
        Hash of all samples of a track.
    """

    parts: list[StoredRows]
    parents: npt.NDArray[np.int64]
    names: list[tuple[str, int]]
    digests: dict[str, str]


def load_inline(
    augment: AugmentParams, feature: str, clips: LabelledClips, seed: int
) -> InlineAugmentation:
    """Load the inline augmentation of `clips` by the kinds of `augment`.

    Raises
    ------
    ParamsError
        A kind cannot change this feature.
    """
    with Store(FEATURE_STORES / feature) as store:
        target = target_of(store)
    augment.require_applicable(target)
    needs_sound = any(chain.needs_sound for chain in augment.kinds)
    sound = load_labelled(CLIPS, clips.tracks) if needs_sound else None
    return InlineAugmentation(
        chains=augment.kinds,
        target=target,
        probability=augment.probability,
        seed=seed,
        track_ids=clips.track_ids,
        clip_numbers=clips.clip_numbers,
        sound=sound.rows if sound else None,
        sound_digest=digest(repr(sorted(sound.digests.items()))) if sound else "",
    )


def load_samples(feature: str, clips: LabelledClips, folder: Path = AUGMENTED) -> StoredSamples:
    """Find the samples in `folder`, and make sure that each belongs to the parent that it names.

    This compares digests, and reads no row. Samples of clips that play no part in the folds are
    left out.

    Parameters
    ----------
    feature : str
        Name of the feature that the samples should be of.

    Raises
    ------
    PipelineError
        The table and the stores do not agree, or are of another feature.
    LeakError
        A sample was made of another clip than the one it names.
    """
    samples = read_samples(folder)
    if not samples:
        raise PipelineError(f"{folder / TABLE} has no samples; run `dvc repro`")
    _require_parents(samples, FEATURE_STORES / feature, feature)
    _require_labels(samples, {track.track_id: track.genre for track in clips.tracks})
    row_of = _rows_by_clip(clips)
    parts, names = [], []
    digests: dict[str, list[str]] = {}
    for chain, tracks in by_store(samples).items():
        with Store(folder / chain) as store:
            numbered = [each for each in _numbered(store, tracks) if each[1] in row_of]
            for track_id in tracks:
                digests.setdefault(track_id, []).append(store.digest(track_id))
        parts.append(StoredRows(folder / chain, np.array([n for n, _ in numbered], np.int64)))
        names += [name for _, name in numbered]
    return StoredSamples(
        parts,
        np.array([row_of[name] for name in names], np.int64),
        names,
        {track_id: digest(*of_track) for track_id, of_track in digests.items()},
    )


def _require_parents(samples: Sequence[Sample], features: Path, feature: str) -> None:
    """Require that each sample was made of the very row that it names."""
    with Store(features) as store:
        known = {track_id: store.row_digests(track_id) for track_id in store.track_ids}
    for sample in samples:
        if sample.feature != feature:
            raise PipelineError(
                f"sample {sample.name} is of the feature {sample.feature!r}, not {feature!r}; "
                "run `dvc repro`"
            )
        digests = known.get(sample.track_id, [])
        if sample.clip < len(digests) and digests[sample.clip] == sample.parent_sha256:
            continue
        made_of = _place(sample.parent_sha256, known)
        if not made_of:
            raise PipelineError(
                f"sample {sample.name} was made of a row that is no longer in {features}; "
                "run `dvc repro`"
            )
        raise LeakError(
            f"leak: sample {sample.name} claims to be of clip {sample.clip} of "
            f"{sample.track_id}, but was made of {made_of}"
        )


def _require_labels(samples: Sequence[Sample], genres: Mapping[str, str]) -> None:
    for sample in samples:
        genre = genres.get(sample.track_id, sample.genre)  # protocols leave tracks out
        if sample.genre != genre:
            raise PipelineError(
                f"sample {sample.name} is labelled {sample.genre!r}, but its parent {genre!r}; "
                "run `dvc repro`"
            )


def _rows_by_clip(clips: LabelledClips) -> dict[tuple[str, int], int]:
    """Number of the labelled row of each track and clip."""
    names = zip(clips.track_ids.tolist(), clips.clip_numbers.tolist(), strict=True)
    return {name: row for row, name in enumerate(names)}


def _numbered(
    store: Store, tracks: Mapping[str, Sequence[Sample]]
) -> Iterator[tuple[int, tuple[str, int]]]:
    """Row number in `store`, track and clip of each sample."""
    for track_id, samples in tracks.items():
        require_rows(store, track_id, samples)
        for number, sample in enumerate(samples, store.span(track_id).start):
            yield number, (track_id, sample.clip)


def _place(sha256: str, known: Mapping[str, Sequence[str]]) -> str:
    """The clip and track of the row with this hash, in words; empty if there is none."""
    places = ((name, digests) for name, digests in known.items() if sha256 in digests)
    return next((f"clip {digests.index(sha256)} of {name}" for name, digests in places), "")
