"""Make augmented samples of labelled clips, and keep them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.augmentation.kind import Chain, generator
from pipeline.augmentation.samples import Sample, target_of, write_samples
from pipeline.augmentation.target import AugmentParams, AugmentTrack, Parent, Pick
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, FEATURE_STORES, digest
from pipeline.dataset.tracks import Track
from pipeline.store.build import Job, build_store, replacing_folder
from pipeline.store.store import Store, rows_of


@dataclass(frozen=True)
class ChainPlan:
    """The samples to be made by one chain: its recipe, and one job for each track."""

    chain: Chain
    recipe: AugmentTrack
    jobs: list[Job]


def make_samples(
    augment: AugmentParams, feature: str, tracks: Iterable[Track], seed: int, folder: Path
) -> int:
    """Write the samples of all labelled `tracks` that `augment` asks for; return their number.

    Parameters
    ----------
    feature : str
        Name of the feature store that samples are made of.
    folder : Path
        Takes its new content when all of it is there.

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
            for plan in plan_chains(augment, seed, list(genres), rows, sound)
            for sample in _make(feature, plan, genres, rows, new / plan.chain.name)
        ]
        for lock in new.glob(".*.lock"):  # they hold a process's number: no part of the result
            lock.unlink()
        write_samples(new, samples)
    return len(samples)


def plan_chains(
    augment: AugmentParams, seed: int, track_ids: Sequence[str], rows: Store, sound: Store
) -> list[ChainPlan]:
    """Plan the samples of tracks; chains that make none, as there are few clips, are left out.

    Parameters
    ----------
    rows, sound : Store
        The feature and the clips.

    Raises
    ------
    PipelineError
        A track has no rows.
    ParamsError
        A kind cannot change this feature.
    """
    target = target_of(rows)
    augment.require_applicable(target)  # `check` does not open a store that the user made
    picks: dict[str, dict[str, list[Pick]]] = {}
    for track_id in track_ids:
        if track_id not in rows:
            raise PipelineError(f"{rows.folder} has no rows of {track_id}")
        clips = rows.clips(track_id)
        picks[track_id] = picks_of(track_id, clips, augment.kinds, augment.copies, seed)
    plans = []
    for chain in augment.kinds:
        stores = [rows, sound] if chain.needs_sound else [rows]
        jobs = [
            _job(track_id, of_chain[chain.name], stores)
            for track_id, of_chain in picks.items()
            if chain.name in of_chain
        ]
        plans.append(ChainPlan(chain, AugmentTrack(chain, target, seed), jobs))
    return [plan for plan in plans if plan.jobs]


def picks_of(
    track_id: str, clips: int, chains: Sequence[Chain], copies: int, seed: int
) -> dict[str, list[Pick]]:
    """The samples of a track that each chain makes; the copies of a clip take chains in turn."""
    picks: dict[str, list[Pick]] = defaultdict(list)
    for clip in range(clips):
        order = generator(seed, track_id, str(clip)).permutation(len(chains))
        for copy in range(copies):
            picks[chains[order[copy % len(chains)]].name].append((clip, copy))
    return picks


def _make(
    feature: str, plan: ChainPlan, genres: Mapping[str, str], rows: Store, folder: Path
) -> list[Sample]:
    """Write the store of one chain, and list what is in it."""
    chain = plan.chain
    description = {
        **rows.description,
        "name": f"{feature} {chain.name}",
        "augmented": {name: asdict(kind) for name, kind in chain.named},
    }
    # The template goes to other processes, as an open store cannot.
    template = partial(np.empty, (0, *rows.shape[1:]), rows.dtype)
    tracks = build_store(folder, description, template, plan.jobs, plan.recipe)
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
            for track_id in sorted(tracks)
            for sha256, (clip, copy, states) in zip(
                store.row_digests(track_id), tracks[track_id].facts["samples"], strict=True
            )
        ]


def _job(track_id: str, picks: Sequence[Pick], stores: Sequence[Store]) -> Job:
    """Job for the `picks` of a track, which needs its rows in one or two stores."""
    sources = [(store.folder.absolute(), store.digest(track_id)) for store in stores]
    key = digest(track_id, *(content for _, content in sources), repr(picks))
    return Job(track_id, key, partial(_load, track_id, picks, sources))


def _load(track_id: str, picks: Sequence[Pick], sources: Sequence[tuple[Path, str]]) -> Parent:
    rows, *sound = (rows_of(folder, track_id, content) for folder, content in sources)
    return Parent(track_id, rows, sound[0] if sound else None, picks)
