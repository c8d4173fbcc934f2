"""Make the new samples of all labelled clips, or find out what it takes."""

import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.augmentations import Chain
from pipeline.augmenting import AugmentTrack, Pick, job_of, picks_of
from pipeline.build import build_store
from pipeline.errors import PipelineError
from pipeline.params import Params
from pipeline.plan import Job
from pipeline.samples import Sample, chosen_medium, write_samples
from pipeline.store import CLIPS, FEATURE_STORES, Store
from pipeline.tracks import Track

TIMED = 20  # tracks that stand for all where the time is measured


@dataclass(frozen=True)
class _Batch:
    """What one chain makes: a job a track."""

    chain: Chain
    recipe: AugmentTrack
    jobs: list[Job]


def make_samples(params: Params, tracks: Iterable[Track], folder: Path) -> int:
    """Write the samples of all labelled `tracks` that `params` ask for; their number.

    What is in the folder already goes first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    genres = {track.track_id: track.genre for track in tracks if track.genre}
    with Store(FEATURE_STORES / params.feature) as rows, Store(CLIPS) as sound:
        samples = [
            sample
            for batch in _batches(params, list(genres), rows, sound)
            for sample in _make(params, batch, genres, rows, folder / batch.chain.name)
        ]
    for lock in folder.glob(".*.lock"):  # they hold a process's number: no part of the result
        lock.unlink()
    write_samples(folder, samples)
    return len(samples)


def making_seconds(params: Params, tracks: Iterable[Track]) -> float:
    """What it takes one core to make the samples of all labelled `tracks`: an estimate.

    The samples of up to TIMED tracks are made, whether the cache has them or not, and kept
    nowhere; those of all take as many times as long as there are clips.
    """
    labelled = sorted(track.track_id for track in tracks if track.genre)
    some = labelled[:: -(-len(labelled) // TIMED)]
    with Store(FEATURE_STORES / params.feature) as rows, Store(CLIPS) as sound:
        clips, timed = (sum(map(rows.clips, ids)) for ids in (labelled, some))
        with threadpool_limits(1):
            seconds = sum(map(_seconds, _batches(params, some, rows, sound)))
    return seconds * clips / timed


def _seconds(batch: _Batch) -> float:
    batch.recipe(batch.jobs[0].load())  # what is loaded and compiled once is not a sample's
    started = time.process_time()
    for job in batch.jobs:
        batch.recipe(job.load())
    return time.process_time() - started


def _batches(params: Params, track_ids: Sequence[str], rows: Store, sound: Store) -> list[_Batch]:
    """The chains that make anything; with fewer clips than chains, some do not."""
    medium = chosen_medium(params, rows)
    picks = {track_id: _picks(params, rows, track_id) for track_id in track_ids}
    batches = [
        _Batch(
            chain,
            AugmentTrack(chain, medium, params.seed),
            _jobs(chain.name, picks, [rows, sound] if chain.hears else [rows]),
        )
        for chain in params.augment.kinds
    ]
    return [batch for batch in batches if batch.jobs]


def _picks(params: Params, rows: Store, track_id: str) -> dict[str, list[Pick]]:
    """What each chain makes of a track."""
    if track_id not in rows:
        raise PipelineError(f"{rows.folder} has no rows of {track_id}")
    augment, clips = params.augment, rows.clips(track_id)
    return picks_of(track_id, clips, augment.kinds, augment.copies, params.seed)


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
    params: Params, batch: _Batch, genres: Mapping[str, str], rows: Store, folder: Path
) -> list[Sample]:
    """Write a chain's store, and tell what is in it."""
    chain = batch.chain
    about = {
        **rows.description,
        "name": f"{params.feature} {chain.name}",
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
                feature=params.feature,
                parent_sha256=rows.row_digests(track_id)[clip],
                sha256=sha256,
                states=states,
            )
            for track_id in sorted(made)
            for sha256, (clip, copy, states) in zip(
                store.row_digests(track_id), made[track_id].facts["samples"], strict=True
            )
        ]
