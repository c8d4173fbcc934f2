"""Estimate how long augmented samples take to make."""

import time
from collections.abc import Iterable

from threadpoolctl import threadpool_limits

from pipeline.augmentation.params import AugmentParams
from pipeline.augmentation.plan import ChainPlan, plan_chains
from pipeline.base.paths import CLIPS, FEATURE_STORES
from pipeline.dataset.tracks import Track
from pipeline.store.store import Store

TIMED = 20  # tracks whose samples are timed, on behalf of all


def estimate_sample_seconds(
    augment: AugmentParams, feature: str, tracks: Iterable[Track], seed: int
) -> float:
    """Estimate the seconds that one core takes to make the samples of all labelled `tracks`.

    The samples of up to `TIMED` tracks are made, whether the cache has them or not, and are not
    kept. The estimate for all tracks is in proportion to the number of clips.
    """
    labelled = sorted(track.track_id for track in tracks if track.genre)
    some = labelled[:: -(-len(labelled) // TIMED)]
    with Store(FEATURE_STORES / feature) as rows, Store(CLIPS) as sound:
        clips, timed = (sum(map(rows.clips, ids)) for ids in (labelled, some))
        with threadpool_limits(1):
            seconds = sum(map(_seconds, plan_chains(augment, seed, some, rows, sound)))
    return seconds * clips / timed


def _seconds(plan: ChainPlan) -> float:
    plan.recipe(plan.jobs[0].load())  # what is imported and compiled once is not counted
    started = time.process_time()
    for job in plan.jobs:
        plan.recipe(job.load())
    return time.process_time() - started
