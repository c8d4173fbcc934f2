"""data/augmented: new samples of labelled clips, a store for each chain and a table of all."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.augmentation.registry import augmentations
from pipeline.augmentation.target import Target
from pipeline.base.errors import PipelineError
from pipeline.base.tables import read_csv, write_csv
from pipeline.features.params import described_feature
from pipeline.store.store import Store

TABLE = "samples.csv"


@dataclass(frozen=True)
class Sample:
    """A new sample, and all that it takes to make it again.

    Attributes
    ----------
    track_id, clip : str, int
        Its parent.
    copy : int
        Which of the parent's samples, from 0.
    chain : str
        The kind of augmentation, or several with `+` between them; the store that holds it.
    genre, feature : str
        Its label; what its row is.
    parent_sha256, sha256 : str
        Of the parent's row, and of its own.
    states : list of dict
        What was drawn for each kind, with its name.
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
        """What it is called: track, clip and copy."""
        return f"{self.track_id}:{self.clip}:{self.copy}"


COLUMNS = list(Sample.__dataclass_fields__)


def target_of(store: Store) -> Target:
    """The feature in `store`, as samples are made of it."""
    about = store.description
    rate = about.get("sample_rate", 0)  # a feature of the user's own may not have one
    return Target(described_feature(about), rate, store.shape[1:], store.dtype.name)


def write_samples(folder: Path, samples: Sequence[Sample]) -> None:
    """Write the table that `read_samples` reads."""
    rows = ({**vars(sample), "states": json.dumps(sample.states)} for sample in samples)
    write_csv(folder / TABLE, COLUMNS, rows)


def read_samples(folder: Path) -> list[Sample]:
    """All samples; those of a chain and track in the order of their rows in the store.

    Raises
    ------
    PipelineError
        The table is missing or damaged.
    """
    path = folder / TABLE
    return [_sample(row, f"{path}, line {n}") for n, row in enumerate(read_csv(path, COLUMNS), 2)]


def _sample(row: Mapping[str, Any], place: str) -> Sample:
    try:
        numbers = {name: _natural(row[name]) for name in ("clip", "copy")}
        states = json.loads(row["states"])
        unknown = [state["kind"] for state in states if state["kind"] not in augmentations()]
    except (ValueError, KeyError, TypeError):
        raise PipelineError(f"{place} is damaged; run `dvc repro`") from None
    if unknown:
        raise PipelineError(f"{place}: no kind {unknown[0]!r} any more; run `dvc repro`")
    told = {name: row[name] for name in COLUMNS}
    return Sample(**{**told, **numbers, "states": states})


def _natural(text: str) -> int:
    if int(text) < 0:  # it would count from the end
        raise ValueError
    return int(text)


def require_rows(store: Store, track_id: str, made: Sequence[Sample]) -> None:
    """Raise `PipelineError` unless a chain's store has these very samples of a track, in order."""
    held = store.row_digests(track_id) if track_id in store else []
    if len(held) != len(made):
        raise PipelineError(
            f"{store.folder} has {len(held)} samples of {track_id}, and the table {len(made)}; "
            "run `dvc repro`"
        )
    for sample, sha256 in zip(made, held, strict=True):
        if sample.sha256 != sha256:
            raise PipelineError(
                f"sample {sample.name} is another row in {store.folder} than in the table; "
                "run `dvc repro`"
            )


def by_store(samples: Iterable[Sample]) -> dict[str, dict[str, list[Sample]]]:
    """Samples by chain and by track."""
    found: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        found[sample.chain][sample.track_id].append(sample)
    return found
