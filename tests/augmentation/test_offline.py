"""Making samples: each is computed once, whatever the order, and what it takes is measured."""

import os
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers import OFFLINE, contents, small_params

from pipeline.augmentation import offline
from pipeline.augmentation.chains import chain_of
from pipeline.augmentation.recipe import AugmentTrack, Parent
from pipeline.base.errors import PipelineError
from pipeline.augmentation.offline import make_samples, estimate_seconds
from pipeline.store.results import Result
from pipeline.base.paths import AUGMENTED
from pipeline.augmentation.samples import TABLE, read_samples
from pipeline.base.paths import FEATURE_STORES
from pipeline.store.store import Store
from pipeline.dataset.tracks import Track, read_tracks

PARAMS = small_experiment(OFFLINE)
NAMES = ["stretch", "time_mask+blur", "noise"]
FEATURES = FEATURE_STORES / "centroid"


@pytest.fixture
def fresh(augmented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """What is made here, with a cache that holds nothing yet."""
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "made"


def computed(printed: str) -> dict[str, int]:
    """Tracks that were computed for each chain."""
    found = re.findall(r"centroid (\S+): \d+ tracks, \d+ reused, (\d+) computed", printed)
    return {name: int(count) for name, count in found}


def labelled(tracks: Sequence[Track]) -> list[Track]:
    return [track for track in tracks if track.genre]


@pytest.mark.usefixtures("augmented")
def test_store_says_of_what_and_how_it_was_made() -> None:
    kinds = chain_of("time_mask+blur", PARAMS.augment.ranges).named
    with Store(FEATURES) as features, Store(AUGMENTED / "time_mask+blur") as store:
        assert store.description == {
            **features.description,
            "name": "centroid time_mask+blur",
            "augmented": {name: asdict(kind) for name, kind in kinds},
        }


@pytest.mark.usefixtures("augmented")
def test_folder_holds_stores_and_table_and_nothing_of_the_process() -> None:
    assert sorted(path.name for path in AUGMENTED.iterdir()) == sorted([*NAMES, TABLE])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_bytes_depend_on_neither_order_nor_workers_nor_history(
    fresh: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", workers)
    assert make_samples(PARAMS, read_tracks()[::-1], fresh) == 48
    assert contents(fresh) == contents(AUGMENTED)


def test_second_time_costs_nothing_and_one_track_more_costs_that_track(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = read_tracks()
    make_samples(PARAMS, tracks[1:], fresh)
    few = read_samples(fresh)
    capsys.readouterr()
    make_samples(PARAMS, tracks[1:], fresh)
    assert computed(capsys.readouterr().out) == dict.fromkeys(NAMES, 0)
    make_samples(PARAMS, tracks, fresh)
    new = [s for s in read_samples(fresh) if s not in few]
    assert {s.track_id for s in new} == {tracks[0].track_id}
    assert len(new) == 4
    chains = {s.chain for s in new}
    assert computed(capsys.readouterr().out) == {name: int(name in chains) for name in NAMES}


def test_other_ranges_of_a_kind_make_its_samples_anew_and_no_others(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = read_tracks()
    make_samples(PARAMS, tracks, fresh)
    capsys.readouterr()
    wider = small_experiment({**OFFLINE, "augment.stretch.factor": 2, "augment.zoom.factor": 2})
    make_samples(wider, tracks, fresh)
    stretched = {sample.track_id for sample in read_samples(fresh) if sample.chain == "stretch"}
    assert len(stretched) > 1
    expected = {"stretch": len(stretched), "time_mask+blur": 0, "noise": 0}
    assert computed(capsys.readouterr().out) == expected
    before, after = (contents(path / "stretch") for path in (AUGMENTED, fresh))
    assert before.keys() == after.keys()
    assert before != after
    assert contents(fresh / "noise") == contents(AUGMENTED / "noise")


def test_chain_that_makes_nothing_has_no_store(fresh: Path) -> None:
    params = small_experiment({**OFFLINE, "augment.copies": 1})
    assert make_samples(params, labelled(read_tracks())[:1], fresh) == 2
    chains = {sample.chain for sample in read_samples(fresh)}
    assert len(chains) < 3
    assert {path.name for path in fresh.iterdir()} == chains | {TABLE}


def test_track_without_features_is_named(fresh: Path) -> None:
    track = Track("low/new", "low", "", "", "", 2, "x")
    expected = r"^data/features/centroid has no rows of low/new$"
    with pytest.raises(PipelineError, match=expected):
        make_samples(PARAMS, [*read_tracks(), track], fresh)


@pytest.mark.usefixtures("augmented")
@pytest.mark.parametrize("most", [20, 5])
def test_seconds_are_the_recipes_own_though_the_cache_has_all(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes on half a second a sample, and ten where a chain is first met."""
    clock, met, timed = [0.0], set[str](), set[str]()
    made = AugmentTrack.__call__

    def slow(recipe: AugmentTrack, parent: Parent) -> Result:
        clock[0] += 0.5 * len(parent.picks) + (0 if recipe.chain.name in met else 10)
        met.add(recipe.chain.name)
        timed.add(parent.track_id)
        return made(recipe, parent)

    monkeypatch.setattr(AugmentTrack, "__call__", slow)
    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    monkeypatch.setattr(offline, "TIMED", most)
    before = contents(Path(os.environ["PIPELINE_CACHE"]))
    assert estimate_seconds(PARAMS, read_tracks()) == 24
    assert len(timed) == (12 if most == 20 else 4)
    assert contents(Path(os.environ["PIPELINE_CACHE"])) == before
