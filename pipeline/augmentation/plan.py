"""Which augmented samples are to be made: what each chain makes of each track."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.augmentation.chains import Chain
from pipeline.augmentation.params import AugmentParams
from pipeline.augmentation.recipe import AugmentTrack, Parent, Pick
from pipeline.augmentation.samples import target_of
from pipeline.augmentation.seeds import generator
from pipeline.base.digests import digest
from pipeline.base.errors import PipelineError
from pipeline.store.plan import Job
from pipeline.store.rows import rows_of
from pipeline.store.store import Store


@dataclass(frozen=True)
class ChainPlan:
    """What one chain makes: its recipe, and one job for each track."""

    chain: Chain
    recipe: AugmentTrack
    jobs: list[Job]


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
    picks = {track_id: _picks(augment, seed, rows, track_id) for track_id in track_ids}
    plans = [
        ChainPlan(
            chain,
            AugmentTrack(chain, target, seed),
            _jobs(chain.name, picks, [rows, sound] if chain.needs_sound else [rows]),
        )
        for chain in augment.kinds
    ]
    return [plan for plan in plans if plan.jobs]


def picks_of(
    track_id: str, clips: int, chains: Sequence[Chain], copies: int, seed: int
) -> dict[str, list[Pick]]:
    """Which samples of a track each chain makes; the copies of a clip take the chains in turn."""
    picks: dict[str, list[Pick]] = defaultdict(list)
    for clip in range(clips):
        order = generator(seed, track_id, str(clip)).permutation(len(chains))
        for copy in range(copies):
            picks[chains[order[copy % len(chains)]].name].append((clip, copy))
    return picks


def _picks(augment: AugmentParams, seed: int, rows: Store, track_id: str) -> dict[str, list[Pick]]:
    if track_id not in rows:
        raise PipelineError(f"{rows.folder} has no rows of {track_id}")
    return picks_of(track_id, rows.clips(track_id), augment.kinds, augment.copies, seed)


def _jobs(
    chain: str, picks: Mapping[str, Mapping[str, Sequence[Pick]]], stores: Sequence[Store]
) -> list[Job]:
    return [
        _job(track_id, made[chain], [(s.folder.absolute(), s.digest(track_id)) for s in stores])
        for track_id, made in picks.items()
        if chain in made
    ]


def _job(track_id: str, picks: Sequence[Pick], sources: Sequence[tuple[Path, str]]) -> Job:
    """Job for the `picks` of a track, from one or two stores and the track's digest in each."""
    key = digest(track_id, *(content for _, content in sources), repr(picks))
    return Job(track_id, key, partial(_load, track_id, picks, sources))


def _load(track_id: str, picks: Sequence[Pick], sources: Sequence[tuple[Path, str]]) -> Parent:
    found = [rows_of(folder, track_id, content) for folder, content in sources]
    return Parent(track_id, found[0], found[1] if len(found) > 1 else None, picks)
