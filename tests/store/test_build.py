"""Building a store: every track is computed once, and no way to get there changes a byte."""

import os
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import contents

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array, Result
from pipeline.store.build import Builder, Job, NoRowsError, build_store, jobs_of
from pipeline.store.cache import Cache, CachedTrack, delete, machine_cache
from pipeline.store.pruning import prune
from pipeline.store.store import Store, shard_name, shard_of, write_store

TEMPLATE: Array = np.empty((0, 2, 3), np.float32)
DESCRIPTION = {"name": "test", "unit": "dB", "params": {"n_fft": 512}}
CALLS: list[str] = []
BROKEN: set[str] = set()

Tracks = Mapping[str, str]  # content by track id


@dataclass(frozen=True)
class Noise:
    """Recipe: a text -> 1 to 4 rows that follow from it; "empty..." gives none."""

    sources = ()

    scale: int = 1

    def __call__(self, source: str) -> Result:
        CALLS.append(source)
        if source in BROKEN:
            raise PipelineError(f"{source} is broken")
        if source.startswith("empty"):
            return Result({"rejected": source}, None)
        rng = np.random.default_rng(list(source.encode()))
        rows = rng.normal(0, self.scale, (rng.integers(1, 5), 2, 3)).astype(np.float32)
        return Result({"source": source}, rows)


@dataclass(frozen=True)
class Same:
    """Recipe: rows -> the same rows."""

    sources = ()

    def __call__(self, source: Array) -> Result:
        return Result({}, source)


TRACKS = {f"rock/rock.{i:05d}": f"sound {i}" for i in range(40)} | {"pop/Björk, Jóga": "Jóga"}
NEW = "jazz/new"
NEIGHBOUR = next(f"rock/{i}" for i in range(1000) if shard_of(f"rock/{i}") == shard_of(NEW))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    BROKEN.clear()


def build_all(folder: Path, tracks: Tracks, scale: int = 1) -> dict[str, CachedTrack]:
    """Build a store; CALLS says what was computed."""
    CALLS.clear()
    jobs = [Job(track_id, text, partial(str, text)) for track_id, text in tracks.items()]
    return build_store(folder, DESCRIPTION, lambda: TEMPLATE, jobs, Noise(scale))


def build(folder: Path, tracks: Tracks, scale: int = 1) -> list[str]:
    """What building a store computed, sorted."""
    build_all(folder, tracks, scale)
    return sorted(CALLS)


def rows_of(tracks: Tracks) -> dict[str, Array]:
    results = {track_id: Noise()(text) for track_id, text in tracks.items()}
    return {name: result.rows for name, result in results.items() if result.rows is not None}


def inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def expected(folder: Path, tracks: Tracks) -> dict[str, bytes]:
    """The files of a store that is written at once, without a cache."""
    write_store(folder, DESCRIPTION, rows_of(tracks))
    return contents(folder)


@pytest.mark.parametrize("again", ["store", "clone/store"])
def test_a_second_build_computes_nothing_and_shares_every_file(tmp_path: Path, again: str) -> None:
    build(tmp_path / "store", TRACKS)
    before = inodes(tmp_path / "store")
    assert build(tmp_path / again, TRACKS) == []
    assert inodes(tmp_path / again) == before


@pytest.mark.parametrize(
    ("change", "computed"),
    [
        ({}, []),  # removed
        ({NEW: "new", NEIGHBOUR: "one more"}, ["one more"]),
        ({NEW: "other"}, ["other"]),
        ({NEIGHBOUR: "new"}, []),  # renamed
        ({NEW: "empty"}, ["empty"]),
    ],
)
def test_other_tracks_stay_as_they_are(tmp_path: Path, change: Tracks, computed: list[str]) -> None:
    build(tmp_path / "store", TRACKS | {NEW: "new"})
    before = inodes(tmp_path / "store")
    assert build(tmp_path / "store", {**TRACKS, **change}) == computed
    after = inodes(tmp_path / "store")
    assert [name for name in after if after[name] != before[name]] == [shard_name(shard_of(NEW))]
    assert contents(tmp_path / "store") == expected(tmp_path / "expected", {**TRACKS, **change})


@pytest.mark.parametrize("other", [NEIGHBOUR, "jazz/b"])
def test_two_tracks_of_the_same_content_are_computed_once(tmp_path: Path, other: str) -> None:
    tracks = {**TRACKS, NEW: "same", other: "same"}
    assert build(tmp_path / "store", tracks) == sorted({*tracks.values()})
    assert not list((tmp_path / "cache" / "tracks").glob("*/*"))
    assert contents(tmp_path / "store") == expected(tmp_path / "expected", tracks)
    assert build(tmp_path / "store", tracks) == []


def test_what_is_known_of_a_track_without_rows_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = {NEW: "new", NEIGHBOUR: "empty a", "rock/b": "empty b"}
    first = build_all(tmp_path / "store", tracks)
    assert first[NEIGHBOUR].facts == {"rejected": "empty a"}
    clips = [first[track_id].clips for track_id in tracks]
    assert clips == [len(rows_of(tracks)[NEW]), 0, 0]
    assert build_all(tmp_path / "store", tracks) == first
    assert CALLS == []
    again = build_all(tmp_path / "store", tracks | {NEIGHBOUR: "empty b"})
    assert again[NEIGHBOUR].facts == {"rejected": "empty b"}
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(", in ")[0] for line in lines] == [
        "test: 3 tracks, 0 reused, 3 computed, 2 rejected",
        "test: 3 tracks, 3 reused, 0 computed, 2 rejected",
        "test: 3 tracks, 3 reused, 0 computed, 2 rejected",  # what is known of rock/b
    ]


@pytest.mark.parametrize("tracks", [{}, {NEW: "empty a", "rock/b": "empty b"}])
def test_without_a_row_the_old_store_stays(tmp_path: Path, tracks: Tracks) -> None:
    build(tmp_path / "store", TRACKS)
    before = inodes(tmp_path / "store")
    with pytest.raises(NoRowsError, match=rf"store: not one of {len(tracks)} tracks gives rows$"):
        build(tmp_path / "store", tracks)
    assert inodes(tmp_path / "store") == before


def test_a_failure_keeps_the_old_store_and_every_result_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", "1")
    build(tmp_path / "store", {NEW: "new"})
    before = inodes(tmp_path / "store")
    BROKEN.add("sound 20")
    with pytest.raises(PipelineError, match="sound 20 is broken"):
        build(tmp_path / "store", TRACKS)
    done = {*CALLS} - BROKEN
    assert inodes(tmp_path / "store") == before
    assert len(done) > 5
    BROKEN.clear()
    assert build(tmp_path / "store", TRACKS) == sorted({*TRACKS.values()} - done)
    assert contents(tmp_path / "store") == expected(tmp_path / "expected", TRACKS)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])


@pytest.mark.parametrize(
    ("damage", "computed"),
    [(Path.touch, ["broken"]), (cut_off, ["broken", "new"]), (flip, ["broken", "new"])],
)
def test_results_of_a_shard_that_is_not_whole_are_kept_unless_they_are_damaged(
    tmp_path: Path, damage: Callable[[Path], None], computed: list[str]
) -> None:
    BROKEN.add("broken")
    tracks = {NEW: "new", NEIGHBOUR: "broken"}
    with pytest.raises(PipelineError, match="broken"):
        build(tmp_path / "store", tracks)
    [pending] = (tmp_path / "cache" / "tracks").glob("*/*")
    damage(pending)
    BROKEN.clear()
    assert build(tmp_path / "other", tracks, scale=2) == ["broken", "new"]
    assert build(tmp_path / "store", tracks) == computed
    assert contents(tmp_path / "store") == expected(tmp_path / "expected", tracks)


def test_damage_that_kept_its_time_is_noticed_where_the_rows_are_read(tmp_path: Path) -> None:
    """Rows go from shard to shard with the digests that they were computed with."""
    build(tmp_path / "store", {NEW: "new"})
    path = tmp_path / "store" / shard_name(shard_of(NEW))
    time = path.stat().st_mtime_ns
    rows = rows_of({NEW: "new"})[NEW].tobytes()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(rows, rows[::-1]))
    path.chmod(0o444)
    os.utime(path, ns=(time, time))
    assert build(tmp_path / "store", {NEW: "new", NEIGHBOUR: "neighbour"}) == ["neighbour"]
    jobs = {job.track_id: job for job in jobs_of(tmp_path / "store")}
    jobs[NEIGHBOUR].load()
    with pytest.raises(PipelineError, match=f"store is damaged: the rows of {NEW} are not those"):
        jobs[NEW].load()


def test_shards_of_another_schema_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.store.shard.SCHEMA_VERSION", 2)
        patch.setattr("pipeline.store.build.LAYOUT", "pipeline/base/types.py")  # the code was other
        build(tmp_path / "store", TRACKS)
    tracks = {**TRACKS, NEW: "new"}
    assert "new" in build(tmp_path / "store", tracks)
    with Store(tmp_path / "store") as store:
        assert set(store.track_ids) == {*tracks}


def test_what_goes_to_a_worker_does_not_grow_with_the_collection(tmp_path: Path) -> None:
    sizes = []
    for count in (2, 60):
        folder = tmp_path / f"clips {count:02d}"
        build(folder, {f"a/{number:02d}": f"sound {number}" for number in range(count)})
        builder = Builder(machine_cache(), {"name": "same"}, lambda: TEMPLATE, Same())
        missing = [job for plan in builder.plans(jobs_of(folder)) for job in plan.missing]
        assert len(missing) == count
        sizes.append({len(cloudpickle.dumps((builder.compute, job))) for job in missing})
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_store_is_what_is_written_at_once_with_any_order_and_workers(
    tmp_path: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", workers)
    assert build(tmp_path / "store", dict(reversed(TRACKS.items()))) == sorted(TRACKS.values())
    assert contents(tmp_path / "store") == expected(tmp_path / "expected", TRACKS)


@settings(max_examples=10)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([NEW, NEIGHBOUR, "a", "b", "c/ü", "d"]),
            st.sampled_from(["x", "y", "z", "empty"]),
        ),
        min_size=2,
        max_size=5,
    ),
    st.booleans(),
)
def test_a_store_does_not_depend_on_what_came_before(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Tracks], pruned: bool
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELINE_CACHE", str(folder / "cache"))
        for number, step in enumerate(steps):
            tracks = {"kept": "kept", **step}
            build(folder / "store", tracks)
            if pruned:
                assert prune(folder / "cache", 0)[1] == 0
            assert contents(folder / "store") == expected(folder / str(number), tracks)


def test_what_is_pruned_while_a_store_is_built_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_prune(step: Callable[..., Any], pattern: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            result = step(*arguments)
            for path in (tmp_path / "cache").glob(pattern):
                delete(path)
            return result

        return call

    monkeypatch.setattr(Cache, "publish", then_prune(Cache.publish, "tracks/*/*"))
    build(tmp_path / "store", TRACKS)
    whole = expected(tmp_path / "expected", TRACKS)
    assert contents(tmp_path / "store") == whole
    monkeypatch.setattr(Builder, "plans", then_prune(Builder.plans, "shards/*/*/*"))
    assert build(tmp_path / "store", TRACKS) == sorted(TRACKS.values())
    assert contents(tmp_path / "store") == whole


def test_a_cache_that_cannot_be_linked_to_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    build(tmp_path / "store", TRACKS)
    assert build(tmp_path / "clone", TRACKS) == []
    assert contents(tmp_path / "store") == expected(tmp_path / "expected", TRACKS)
    assert contents(tmp_path / "clone") == contents(tmp_path / "store")
    assert not {*inodes(tmp_path / "store").values()} & {*inodes(tmp_path / "clone").values()}


def test_memory_does_not_grow_with_the_number_of_tracks(tmp_path: Path) -> None:
    """All rows weigh four times the bound, and lie in one file."""
    template: Array = np.empty((0, 5000), np.float32)
    numbers = [i for i in range(8000) if shard_of(str(i)) == 0][:160]
    jobs = [Job(str(i), str(i), partial(np.full, (20, 5000), i, np.float32)) for i in numbers]
    tracemalloc.start()
    try:
        build_store(tmp_path / "store", {"name": "large"}, lambda: template, jobs, Same())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 160 * 400_000 / 4
