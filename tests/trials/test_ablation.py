"""The trials that are run, how long each is trained, and how long its samples take to make."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import FRAMES, OFFLINE, small_document, small_experiment
from project import contents

from pipeline.augmentation.kind import augmentations, chain_of
from pipeline.augmentation.target import AugmentTrack, Parent, Target
from pipeline.base.types import Result
from pipeline.dataset.tracks import read_tracks
from pipeline.features.shared.feature import read_feature
from pipeline.trials import ablation
from pipeline.trials.ablation import chains_to_try, estimate_sample_seconds, with_kinds


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
    monkeypatch.setattr(ablation, "TIMED", most)
    experiment = small_experiment(OFFLINE)
    asked = (experiment.augment, experiment.feature, read_tracks(), experiment.seed)
    before = contents(Path(os.environ["PIPELINE_CACHE"]))
    assert estimate_sample_seconds(*asked) == 24
    assert len(timed) == (12 if most == 20 else 4)
    assert contents(Path(os.environ["PIPELINE_CACHE"])) == before


def test_all_that_can_change_the_feature_is_tried_alone_and_together() -> None:
    augment = small_experiment({"augment.kinds": ["blur", "noise+blur", "blur+zoom"]}).augment
    feature = read_feature("centroid", small_document())
    target = Target(feature, 4000, (FRAMES,), "float16")
    chains = augment.applicable_chains(target)
    names = [chain.name for chain in chains]
    alone = [name for name, kind in augmentations().items() if kind.needs == "any feature"]
    assert names == [*alone, "noise+blur"]
    chosen = chains_to_try([], augment, target)
    assert list(chosen) == [*names, "all"]
    assert chosen["all"] == tuple(chains)
    assert chains_to_try(["all"], augment, target) == {"all": tuple(chains)}
    new = chain_of("noise+mirror", augment.ranges)
    assert chains_to_try(["noise", new.name], augment, target) == {
        "noise": (chains[alone.index("noise")],),
        new.name: (new,),
    }


@pytest.mark.parametrize(
    ("mode", "kinds", "asked", "copies", "epochs", "patience"),
    [
        ("offline", [], 3, 3, 10, 4),
        ("inline", ["blur"], 3, 3, 10, 4),
        ("offline", ["blur"], 1, 1, 5, 2),
        ("offline", ["blur"], 2, 2, 3, 1),
        ("offline", ["blur"], 100, 100, 1, 1),
        ("offline", ["mirror"], 3, 1, 5, 2),
        ("offline", ["mirror", "blur"], 3, 2, 3, 1),
        ("offline", ["mirror+flip", "flip+mirror"], 3, 1, 5, 2),
    ],
    ids=str,
)
def test_no_sample_is_made_twice_and_where_epochs_are_longer_there_are_fewer(
    mode: str, kinds: list[str], asked: int, copies: int, epochs: int, patience: int
) -> None:
    """A chain in another order makes no second sample either."""
    changes = {"augment.mode": mode, "augment.copies": asked, "models.ann.patience": 4}
    experiment = small_experiment({**changes, "models.ann.epochs": 10, "augment.kinds": ["blur"]})
    chains = tuple(chain_of(name, experiment.augment.ranges) for name in kinds)
    used = mode if kinds else "none"
    augment = replace(experiment.augment, mode=used, kinds=chains, copies=copies)
    network = replace(experiment.network, epochs=epochs, patience=patience)
    expected = replace(experiment, augment=augment, network=network)
    assert with_kinds(experiment, chains) == expected
