"""data/augmented: new samples of labelled clips, a store for each chain and a table of all."""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.augmentations import AUGMENTATIONS, Chain
from pipeline.augmenting import AugmentTrack, Pick, job_of, medium_of, picks_of
from pipeline.build import build_store
from pipeline.errors import PipelineError
from pipeline.params import Params
from pipeline.store import CLIPS, FEATURE_STORES, Store
from pipeline.tables import read_csv, write_csv
from pipeline.tracks import Track

AUGMENTED = Path("data/augmented")
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
    parent_sha256 : str
        Of the parent's row.
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
    states: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """What it is called: track, clip and copy."""
        return f"{self.track_id}:{self.clip}:{self.copy}"


COLUMNS = list(Sample.__dataclass_fields__)


def make_samples(params: Params, tracks: Iterable[Track], folder: Path) -> int:
    """Write the samples of all labelled `tracks` that `params` ask for; their number.

    What is in the folder already goes first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    genres = {track.track_id: track.genre for track in tracks if track.genre}
    with Store(FEATURE_STORES / params.feature) as rows, Store(CLIPS) as sound:
        picks = {track_id: _picks(params, rows, track_id) for track_id in genres}
        samples = [
            sample
            for chain in params.augment.kinds
            for sample in _make_chain(params, chain, genres, picks, (rows, sound), folder)
        ]
    for lock in folder.glob(".*.lock"):  # they hold a process's number: no part of the result
        lock.unlink()
    write_samples(folder, samples)
    return len(samples)


def _picks(params: Params, rows: Store, track_id: str) -> dict[str, list[Pick]]:
    """What each chain makes of a track."""
    if track_id not in rows:
        raise PipelineError(f"{rows.folder} has no rows of {track_id}")
    augment, clips = params.augment, rows.clips(track_id)
    return picks_of(track_id, clips, augment.kinds, augment.copies, params.seed)


def _make_chain(
    params: Params,
    chain: Chain,
    genres: Mapping[str, str],
    picks: Mapping[str, Mapping[str, Sequence[Pick]]],
    stores: tuple[Store, Store],
    folder: Path,
) -> list[Sample]:
    rows, _ = stores
    sources = stores if chain.hears else stores[:1]
    jobs = [
        job_of(
            track_id,
            picks[track_id][chain.name],
            [(store.folder.absolute(), store.digest(track_id)) for store in sources],
        )
        for track_id in genres
        if chain.name in picks[track_id]
    ]
    if not jobs:  # fewer clips than chains
        return []
    about = {
        **rows.description,
        "name": f"{params.feature} {chain.name}",
        "augmented": {name: asdict(kind) for name, kind in chain.named},
    }
    # It goes to other processes, as an open store cannot.
    template = partial(np.empty, (0, *rows.shape[1:]), rows.dtype)
    medium = medium_of(rows, params.extract.get(params.feature))
    recipe = AugmentTrack(chain, medium, params.seed)
    made = build_store(folder / chain.name, about, template, jobs, recipe)
    return [
        Sample(
            track_id=track_id,
            clip=clip,
            copy=copy,
            chain=chain.name,
            genre=genres[track_id],
            feature=params.feature,
            parent_sha256=rows.row_digests(track_id)[clip],
            states=states,
        )
        for track_id in sorted(made)
        for clip, copy, states in made[track_id].facts["samples"]
    ]


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
        numbers = {name: int(row[name]) for name in ("clip", "copy")}
        states = json.loads(row["states"])
        unknown = [state["kind"] for state in states if state["kind"] not in AUGMENTATIONS]
    except (ValueError, KeyError, TypeError):
        raise PipelineError(f"{place} is damaged; run `dvc repro`") from None
    if unknown:
        raise PipelineError(f"{place}: no kind {unknown[0]!r} any more; run `dvc repro`")
    return Sample(**{**row, **numbers, "states": states})


def require_count(store: Store, track_id: str, count: int) -> None:
    """Raise `PipelineError` unless the store of a chain has `count` samples of a track."""
    held = store.clips(track_id) if track_id in store else 0
    if held != count:
        raise PipelineError(
            f"{store.folder} has {held} samples of {track_id}, and the table {count}; "
            "run `dvc repro`"
        )


def by_store(samples: Iterable[Sample]) -> dict[str, dict[str, list[Sample]]]:
    """Samples by chain and by track."""
    found: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        found[sample.chain][sample.track_id].append(sample)
    return found
