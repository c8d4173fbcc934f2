"""data/augmented: augmented samples of labelled clips, a store for each chain and one table."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.augmentation.kind import augmentations
from pipeline.augmentation.target import Target
from pipeline.base.errors import PipelineError
from pipeline.base.files import natural, read_rows, write_csv
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
