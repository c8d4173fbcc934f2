"""Samples are made once, whatever the order, and replace the old ones as a whole."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers import OFFLINE, make_small_samples, small_experiment
from hypothesis import given
from hypothesis import strategies as st
from project import contents

from pipeline.augmentation.kind import chain_of
from pipeline.augmentation.offline import picks_of
from pipeline.augmentation.samples import TABLE, read_samples
from pipeline.augmentation.target import Pick
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, FEATURE_STORES
from pipeline.dataset.tracks import Track, read_tracks
from pipeline.store.store import Store

EXPERIMENT = small_experiment(OFFLINE)
NAMES = ["stretch", "time_mask+blur", "noise"]
FEATURES = FEATURE_STORES / "centroid"


@pytest.fixture
def fresh(augmented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """A folder for new samples, and an empty cache."""
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "made"


def computed(printed: str) -> dict[str, int]:
    """Number of tracks that were computed for each chain."""
    found = re.findall(r"centroid (\S+): \d+ tracks, \d+ reused, (\d+) computed", printed)
    return {name: int(count) for name, count in found}


@pytest.mark.usefixtures("augmented")
def test_store_describes_what_its_samples_were_made_of_and_how() -> None:
    kinds = chain_of("time_mask+blur", EXPERIMENT.augment.ranges).named
    with Store(FEATURES) as features, Store(AUGMENTED / "time_mask+blur") as store:
        assert store.description == {
            **features.description,
            "name": "centroid time_mask+blur",
            "augmented": {name: asdict(kind) for name, kind in kinds},
        }


@pytest.mark.parametrize("workers", ["1", "2"])
def test_bytes_depend_on_neither_order_nor_workers_nor_history(
    fresh: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", workers)
    assert make_small_samples(EXPERIMENT, fresh, read_tracks()[::-1]) == 48
    assert contents(fresh) == contents(AUGMENTED)


def test_second_time_costs_nothing_and_one_more_track_costs_that_track(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = read_tracks()
    make_small_samples(EXPERIMENT, fresh, tracks[1:])
    few = read_samples(fresh)
    capsys.readouterr()
    make_small_samples(EXPERIMENT, fresh, tracks[1:])
    assert computed(capsys.readouterr().out) == dict.fromkeys(NAMES, 0)
    make_small_samples(EXPERIMENT, fresh)
    new = [s for s in read_samples(fresh) if s not in few]
    assert {s.track_id for s in new} == {tracks[0].track_id}
    assert len(new) == 4
    chains = {s.chain for s in new}
    assert computed(capsys.readouterr().out) == {name: int(name in chains) for name in NAMES}


def test_new_ranges_of_a_kind_make_its_samples_anew_and_no_others(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_small_samples(EXPERIMENT, fresh)
    capsys.readouterr()
    wider = small_experiment({**OFFLINE, "augment.stretch.factor": 2, "augment.zoom.factor": 2})
    make_small_samples(wider, fresh)
    stretched = {sample.track_id for sample in read_samples(fresh) if sample.chain == "stretch"}
    assert len(stretched) > 1
    expected = {"stretch": len(stretched), "time_mask+blur": 0, "noise": 0}
    assert computed(capsys.readouterr().out) == expected
    before, after = (contents(path / "stretch") for path in (AUGMENTED, fresh))
    assert before.keys() == after.keys()
    assert before != after
    assert contents(fresh / "noise") == contents(AUGMENTED / "noise")


def test_chain_that_makes_nothing_has_no_store(fresh: Path) -> None:
    once = small_experiment({**OFFLINE, "augment.copies": 1})
    first = next(track for track in read_tracks() if track.genre)
    assert make_small_samples(once, fresh, [first]) == 2
    chains = {sample.chain for sample in read_samples(fresh)}
    assert len(chains) < 3
    assert {path.name for path in fresh.iterdir()} == chains | {TABLE}


def test_track_without_features_is_named(fresh: Path) -> None:
    track = Track("low/new", "low", "", "", "", 2, "x")
    expected = r"^data/features/centroid has no rows of low/new$"
    with pytest.raises(PipelineError, match=expected):
        make_small_samples(EXPERIMENT, fresh, [*read_tracks(), track])


FOUR = [
    chain_of(name, EXPERIMENT.augment.ranges)
    for name in ("stretch", "time_mask+blur", "mirror", "noise")
]


def chains_by_pick(
    track_id: str, clips: int, copies: int, chains: int = 4, seed: int = 1
) -> dict[Pick, str]:
    """The chain that makes each sample."""
    picks = picks_of(track_id, clips, FOUR[:chains], copies, seed)
    return {pick: name for name, some in picks.items() for pick in some}


@given(clips=st.integers(1, 5), copies=st.integers(1, 9), chains=st.integers(1, 4))
def test_every_clip_has_its_copies_which_take_the_chains_in_turn(
    clips: int, copies: int, chains: int
) -> None:
    picks = picks_of("a/0", clips, FOUR[:chains], copies, 1)
    assert sum(map(len, picks.values())) == clips * copies
    found = chains_by_pick("a/0", clips, copies, chains)
    assert sorted(found) == [(clip, copy) for clip in range(clips) for copy in range(copies)]
    for clip in range(clips):
        order = [found[clip, copy] for copy in range(copies)]
        assert len(set(order)) == min(copies, chains)
        assert order[chains:] == order[:-chains]  # then they start over


def test_all_chains_have_the_same_share_and_the_order_follows_the_seed() -> None:
    found = [chains_by_pick(f"a/{n}", 5, 1)[clip, 0] for n in range(200) for clip in range(5)]
    assert {found.count(chain.name) for chain in FOUR} <= set(range(200, 300))
    assert chains_by_pick("a/0", 20, 1, seed=1) != chains_by_pick("a/0", 20, 1, seed=2)
    assert chains_by_pick("a/0", 20, 1) != chains_by_pick("a/1", 20, 1)


def test_picks_of_a_clip_do_not_depend_on_how_many_clips_there_are() -> None:
    """Nor do copies: a longer track, or one more copy, keeps the samples that there were."""
    more = chains_by_pick("a/0", 5, 3)
    assert chains_by_pick("a/0", 2, 1).items() <= more.items()
