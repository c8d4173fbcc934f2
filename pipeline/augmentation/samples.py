"""data/augmented: augmented samples of labelled clips, a store for each chain and one table.

A sample's record in the table, and its parent, are enough to make it again.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audio.clips import Pcm
from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.target import AnyKind, Target
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    AUGMENTED,
    CLIPS,
    FEATURE_STORES,
    natural,
    read_rows,
    write_csv,
)
from pipeline.base.types import Array
from pipeline.features.shared.feature import described_feature
from pipeline.store.store import Store

TABLE = "samples.csv"


@dataclass(frozen=True)
class Sample:
    """An augmented sample, and all that is needed to make it again.

    Attributes
    ----------
    track_id : str
    clip : int
        The parent: number of a clip of the track.
    copy : int
        Which of the parent's samples it is, from 0.
    chain : str
        The kind of augmentation, or several with `+` between them; the store that holds it.
    genre, feature : str
        The parent's label, and what its row is.
    parent_sha256, sha256 : str
        Hash of the parent's row, and of its own.
    states : list of dict
        What was drawn for each kind, with the kind's name.
    """

    track_id: str
    clip: int
    copy: int
    chain: str
    genre: str
    feature: str
    parent_sha256: str
    sha256: str
    states: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """`track:clip:copy`."""
        return f"{self.track_id}:{self.clip}:{self.copy}"


COLUMNS = list(Sample.__dataclass_fields__)


def read_samples(folder: Path) -> list[Sample]:
    """Read the table; samples of one chain and track are in the order of their rows in the store.

    Raises
    ------
    PipelineError
        The table is missing or damaged, or names a kind that does not exist.
    """
    return read_rows(folder / TABLE, COLUMNS, _sample)


def write_samples(folder: Path, samples: Sequence[Sample]) -> None:
    """Write the table that `read_samples` reads."""
    rows = ({**vars(sample), "states": json.dumps(sample.states)} for sample in samples)
    write_csv(folder / TABLE, COLUMNS, rows)


def target_of(store: Store) -> Target:
    """Return the feature in `store` as a target of augmentation."""
    description = store.description
    rate = description.get("sample_rate", 0)  # a feature of the user's own may not have one
    return Target(described_feature(description), rate, store.shape[1:], store.dtype.name)


def by_store(samples: Iterable[Sample]) -> dict[str, dict[str, list[Sample]]]:
    """Group samples by chain and by track."""
    grouped: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        grouped[sample.chain][sample.track_id].append(sample)
    return grouped


def require_rows(store: Store, track_id: str, samples: Sequence[Sample]) -> None:
    """Raise `PipelineError` unless the rows of a track in `store` are these samples, in order."""
    digests = store.row_digests(track_id) if track_id in store else []
    if len(digests) != len(samples):
        raise PipelineError(
            f"{store.folder} has {len(digests)} samples of {track_id}, but the table "
            f"{len(samples)}; run `dvc repro`"
        )
    for sample, sha256 in zip(samples, digests, strict=True):
        if sample.sha256 != sha256:
            raise PipelineError(
                f"the row of sample {sample.name} in {store.folder} is not the one in the table; "
                "run `dvc repro`"
            )


@dataclass(frozen=True)
class Replayed:
    """A sample as it is stored, and as it was made again.

    Attributes
    ----------
    sample : Sample
    parent, stored, again : array
        Rows of the same shape and dtype.
    """

    sample: Sample
    parent: Array
    stored: Array
    again: Array

    @property
    def same(self) -> bool:
        """Whether the two agree bit for bit."""
        return self.stored.dtype == self.again.dtype and (
            self.stored.tobytes() == self.again.tobytes()
        )

    @property
    def difference(self) -> float:
        """The largest absolute difference between two values."""
        return float(np.abs(self.stored.astype(np.float64) - self.again).max())


def choose_names(samples: Sequence[Sample], names: Sequence[str]) -> list[str]:
    """Return the names of samples that were asked for, by default those of all.

    Raises
    ------
    PipelineError
        There are no samples, or none of such a name.
    """
    if not samples:
        raise PipelineError(
            f"{AUGMENTED} has no samples; `dvc exp run -S augment.mode=offline` makes some"
        )
    known = dict.fromkeys(sample.name for sample in samples)
    for name in names:
        if name not in known:
            raise PipelineError(
                f"there is no sample {name!r}; names are track:clip:copy, such as "
                f"{samples[0].name!r}"
            )
    return list(dict.fromkeys(names or known))


def replay(samples: Sequence[Sample], names: Sequence[str]) -> Iterator[Replayed]:
    """Make the samples with these `names` again, one at a time, in the order of the table.

    Parameters
    ----------
    samples : sequence of Sample
        The whole table, with at least one sample.

    Raises
    ------
    PipelineError
        A parent has changed, or the table and the stores do not agree.
    """
    with Store(FEATURE_STORES / samples[0].feature) as rows, Store(CLIPS) as clips:
        target = target_of(rows)
        for sample, stored in _stored(samples, set(names)):
            parent = _parent(rows, sample, sample.parent_sha256)
            kinds = [augmentations()[state["kind"]] for state in sample.states]
            from_sound = any(kind.acts_on == "sound" for kind in kinds)
            pcm = _parent(clips, sample) if from_sound else None
            again = _make_again(target, kinds, sample, parent, pcm)
            yield Replayed(sample, parent, stored, again)


def _sample(row: Mapping[str, str]) -> Sample:
    cells: dict[str, Any] = {name: row[name] for name in COLUMNS}
    cells |= {name: natural(row[name]) for name in ("clip", "copy")}
    try:
        cells["states"] = json.loads(row["states"])
        kinds = [state["kind"] for state in cells["states"]]
        unknown = [kind for kind in kinds if kind not in augmentations()]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"states = {row['states']}") from error
    if unknown:
        raise PipelineError(f"there is no kind {unknown[0]!r} any longer; run `dvc repro`")
    return Sample(**cells)


def _stored(samples: Sequence[Sample], names: Collection[str]) -> Iterator[tuple[Sample, Array]]:
    for chain, tracks in by_store(samples).items():
        with Store(AUGMENTED / chain) as store:
            for track_id, made in tracks.items():
                require_rows(store, track_id, made)
                for number, sample in enumerate(made):
                    if sample.name in names:
                        yield sample, store.rows(track_id)[number]


def _parent(store: Store, sample: Sample, sha256: str = "") -> Array:
    """The row of the sample's parent in a store, which must have this hash if one is given."""
    there = sample.track_id in store and sample.clip < store.clips(sample.track_id)
    row = store.rows(sample.track_id)[sample.clip] if there else None
    if row is None or (sha256 and hashlib.sha256(row.tobytes()).hexdigest() != sha256):
        raise PipelineError(
            f"sample {sample.name}: its parent has changed, or is no longer in {store.folder}; "
            "run `dvc repro`"
        )
    return row


def _make_again(
    target: Target, kinds: Sequence[AnyKind], sample: Sample, parent: Array, pcm: Pcm | None
) -> Array:
    try:
        return target.make_sample(kinds, sample.states, parent, pcm)
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"sample {sample.name}: its record {json.dumps(sample.states)} does not fit what its "
            f"kinds draw now ({error!r}); run `dvc repro`"
        ) from None
