"""The estimate of how long samples take to make."""

import os
import time
from pathlib import Path

import pytest
from helpers import OFFLINE, small_experiment
from project import contents

from pipeline.augmentation.target import AugmentTrack, Parent
from pipeline.base.types import Result
from pipeline.dataset.tracks import read_tracks
from pipeline.trials import trial as sample_cost
from pipeline.trials.trial import estimate_sample_seconds


@pytest.mark.usefixtures("augmented")
@pytest.mark.parametrize("most", [20, 5])
def test_seconds_are_those_of_making_although_the_cache_has_all(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that advances by 0.5 s for each sample, and by 10 s where a chain is first met."""
    clock, met, timed = [0.0], set[str](), set[str]()
    made = AugmentTrack.__call__

    def slow(recipe: AugmentTrack, parent: Parent) -> Result:
        clock[0] += 0.5 * len(parent.picks) + (0 if recipe.chain.name in met else 10)
        met.add(recipe.chain.name)
        timed.add(parent.track_id)
        return made(recipe, parent)

    monkeypatch.setattr(AugmentTrack, "__call__", slow)
    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    monkeypatch.setattr(sample_cost, "TIMED", most)
    experiment = small_experiment(OFFLINE)
    asked = (experiment.augment, experiment.feature, read_tracks(), experiment.seed)
    before = contents(Path(os.environ["PIPELINE_CACHE"]))
    assert estimate_sample_seconds(*asked) == 24
    assert len(timed) == (12 if most == 20 else 4)
    assert contents(Path(os.environ["PIPELINE_CACHE"])) == before
