"""New samples: what the table says of each is so, and each is computed once."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from helpers import OFFLINE, contents, small_params

from pipeline.augmentations import Medium, chain_of
from pipeline.errors import PipelineError
from pipeline.samples import AUGMENTED, TABLE, by_store, make_samples, read_samples, write_samples
from pipeline.store import CLIPS, FEATURE_STORES, Store
from pipeline.tracks import Track, read_tracks

PARAMS = small_params(OFFLINE)
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
def test_every_clip_with_a_label_has_its_samples_and_no_other_has_any() -> None:
    samples = read_samples(AUGMENTED)
    expected = {
        (track.track_id, clip, copy)
        for track in labelled(read_tracks())
        for clip in range(2)
        for copy in range(2)
    }
    assert {(s.track_id, s.clip, s.copy) for s in samples} == expected
    assert len(samples) == len(expected) == 48
    assert len({s.name for s in samples}) == 48
    assert samples[0].name == f"{samples[0].track_id}:{samples[0].clip}:{samples[0].copy}"
    assert {s.chain for s in samples} == set(NAMES)


@pytest.mark.usefixtures("augmented")
def test_table_tells_parent_label_and_feature() -> None:
    with Store(FEATURES) as store:
        for sample in read_samples(AUGMENTED):
            row = store.rows(sample.track_id)[sample.clip]
            assert sample.parent_sha256 == hashlib.sha256(row.tobytes()).hexdigest()
            assert sample.genre == sample.track_id.split("/")[0]
            assert sample.feature == "centroid"
            assert [state["kind"] for state in sample.states] == sample.chain.split("+")


@pytest.mark.usefixtures("augmented")
def test_rows_are_in_the_order_of_the_table_and_follow_from_it() -> None:
    medium = Medium(PARAMS.extract["centroid"], 4000, 1)
    found = by_store(read_samples(AUGMENTED))
    assert list(found) == NAMES
    with Store(FEATURES) as features, Store(CLIPS) as clips:
        for chain, tracks in found.items():
            with Store(AUGMENTED / chain) as store:
                assert sorted(tracks) == sorted(store.track_ids)
                assert (store.dtype, store.shape[1:]) == (features.dtype, features.shape[1:])
                for track_id, samples in tracks.items():
                    parents, pcm = features.rows(track_id), clips.rows(track_id)
                    expected = [
                        medium.make(s.states, parents[s.clip], pcm[s.clip]) for s in samples
                    ]
                    np.testing.assert_array_equal(store.rows(track_id), expected)
                    assert not any(map(np.array_equal, expected, parents))


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
    wider = small_params({**OFFLINE, "augment.stretch.factor": 2, "augment.zoom.factor": 2})
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
    params = small_params({**OFFLINE, "augment.copies": 1})
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
def test_table_reads_back(tmp_path: Path) -> None:
    samples = read_samples(AUGMENTED)
    write_samples(tmp_path, samples)
    assert read_samples(tmp_path) == samples
    write_samples(tmp_path, [])
    assert read_samples(tmp_path) == []


@pytest.mark.usefixtures("augmented")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('""kind""', '""kin""', "is damaged; run `dvc repro`"),
        ("[{", "[", "is damaged; run `dvc repro`"),
        (",0,1,", ",x,1,", "is damaged; run `dvc repro`"),
        ('""stretch""', '""smear""', "no kind 'smear' any more; run `dvc repro`"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(old: str, new: str, said: str) -> None:
    path = Path("damaged") / TABLE
    write_samples(path.parent, [read_samples(AUGMENTED)[0]])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"samples\.csv, line 2.*{re.escape(said)}$"):
        read_samples(path.parent)
