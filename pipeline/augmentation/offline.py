"""Make the augmented samples of all labelled clips and keep them, or estimate what that takes."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.augmentation.chains import Chain
from pipeline.augmentation.params import AugmentParams
from pipeline.augmentation.recipe import AugmentTrack, Parent, Pick, generator
from pipeline.augmentation.samples import Sample, target_of, write_samples
from pipeline.base.digests import digest
from pipeline.base.errors import PipelineError
from pipeline.base.paths import CLIPS, FEATURE_STORES
from pipeline.dataset.tracks import Track
from pipeline.store.build import build_store, replacing_folder
from pipeline.store.plan import Job
from pipeline.store.rows import rows_of
from pipeline.store.store import Store

TIMED = 20  # tracks that stand for all where the time is measured


@dataclass(frozen=True)
class _Batch:
    """What one chain makes: one job for each track."""

    chain: Chain
    recipe: AugmentTrack
    jobs: list[Job]


def make_samples(
    augment: AugmentParams, feature: str, tracks: Iterable[Track], seed: int, folder: Path
) -> int:
    """Write the samples of all labelled `tracks` that `augment` asks for; return their number.

    The folder takes its new content when all of it is there.

    Parameters
    ----------
    feature : str
        Name of the feature store that samples are made of.

    Raises
    ------
    PipelineError
        Another process writes this folder, or a value is not finite.
    """
    genres = {track.track_id: track.genre for track in tracks if track.genre}
    with (
        replacing_folder(folder) as new,
        Store(FEATURE_STORES / feature) as rows,
        Store(CLIPS) as sound,
    ):
        samples = [
            sample
            for batch in _batches(augment, seed, list(genres), rows, sound)
            for sample in _make(feature, batch, genres, rows, new / batch.chain.name)
        ]
        for lock in new.glob(".*.lock"):  # they hold a process's number: no part of the result
            lock.unlink()
        write_samples(new, samples)
    return len(samples)


def estimate_seconds(
    augment: AugmentParams, feature: str, tracks: Iterable[Track], seed: int
) -> float:
    """Seconds that one core takes to make the samples of all labelled `tracks`: an estimate.

    The samples of up to TIMED tracks are made, whether the cache has them or not, and kept
    nowhere; those of all take as many times as long as there are clips.
    """
    labelled = sorted(track.track_id for track in tracks if track.genre)
    some = labelled[:: -(-len(labelled) // TIMED)]
    with Store(FEATURE_STORES / feature) as rows, Store(CLIPS) as sound:
        clips, timed = (sum(map(rows.clips, ids)) for ids in (labelled, some))
        with threadpool_limits(1):
            seconds = sum(map(_seconds, _batches(augment, seed, some, rows, sound)))
    return seconds * clips / timed


def _seconds(batch: _Batch) -> float:
    batch.recipe(batch.jobs[0].load())  # what is loaded and compiled once is not a sample's
    started = time.process_time()
    for job in batch.jobs:
        batch.recipe(job.load())
    return time.process_time() - started


def _batches(
    augment: AugmentParams, seed: int, track_ids: Sequence[str], rows: Store, sound: Store
) -> list[_Batch]:
    """The chains that make anything; with fewer clips than chains, some do not."""
    target = target_of(rows)
    picks = {track_id: _picks(augment, seed, rows, track_id) for track_id in track_ids}
    batches = [
        _Batch(
            chain,
            AugmentTrack(chain, target, seed),
            _jobs(chain.name, picks, [rows, sound] if chain.needs_sound else [rows]),
        )
        for chain in augment.kinds
    ]
    return [batch for batch in batches if batch.jobs]


def _picks(augment: AugmentParams, seed: int, rows: Store, track_id: str) -> dict[str, list[Pick]]:
    """What each chain makes of a track."""
    if track_id not in rows:
        raise PipelineError(f"{rows.folder} has no rows of {track_id}")
    return picks_of(track_id, rows.clips(track_id), augment.kinds, augment.copies, seed)


def picks_of(
    track_id: str, clips: int, chains: Sequence[Chain], copies: int, seed: int
) -> dict[str, list[Pick]]:
    """What each chain makes of a track; the copies of a clip take the chains in turn."""
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


def _jobs(
    chain: str, picks: Mapping[str, Mapping[str, Sequence[Pick]]], stores: Sequence[Store]
) -> list[Job]:
    return [
        job_of(
            track_id,
            made[chain],
            [(store.folder.absolute(), store.digest(track_id)) for store in stores],
        )
        for track_id, made in picks.items()
        if chain in made
    ]


def _make(
    feature: str, batch: _Batch, genres: Mapping[str, str], rows: Store, folder: Path
) -> list[Sample]:
    """Write a chain's store, and tell what is in it."""
    chain = batch.chain
    about = {
        **rows.description,
        "name": f"{feature} {chain.name}",
        "augmented": {name: asdict(kind) for name, kind in chain.named},
    }
    # It goes to other processes, as an open store cannot.
    template = partial(np.empty, (0, *rows.shape[1:]), rows.dtype)
    made = build_store(folder, about, template, batch.jobs, batch.recipe)
    with Store(folder) as store:
        return [
            Sample(
                track_id=track_id,
                clip=clip,
                copy=copy,
                chain=chain.name,
                genre=genres[track_id],
                feature=feature,
                parent_sha256=rows.row_digests(track_id)[clip],
                sha256=sha256,
                states=states,
            )
            for track_id in sorted(made)
            for sha256, (clip, copy, states) in zip(
                store.row_digests(track_id), made[track_id].facts["samples"], strict=True
            )
        ]
