"""Make augmented samples of all labelled clips, and keep them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.augmentation.params import AugmentParams
from pipeline.augmentation.plan import ChainPlan, plan_chains
from pipeline.augmentation.samples import Sample, write_samples
from pipeline.base.paths import CLIPS, FEATURE_STORES
from pipeline.dataset.tracks import Track
from pipeline.store.build import build_store, replacing_folder
from pipeline.store.store import Store


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
