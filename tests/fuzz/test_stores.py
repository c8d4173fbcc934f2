"""Damaged stores and caches: the same numbers come out, or one line, but never other numbers."""

import os
import shutil
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from fuzz.damage import EDITS, FLIPS, Edit, cases, damaged
from fuzz.fair import Bench
from hypothesis import example, given
from hypothesis import strategies as st
from project import contents

from pipeline.recordings.fingerprint import FingerprintTrack
from pipeline.recordings.matching import write_fingerprints
from pipeline.store import store as rows
from pipeline.store.build import Builder, jobs_of
from pipeline.store.cache import machine_cache
from pipeline.store.store import Store, shard_of, write_store

RATE = 4000
TRACKS = {f"{genre}/{number}": 3 for genre in ("pop", "rock") for number in range(4)}
# Most of a shard are rows, but most that can go wrong is before them.
HEADERS: st.SearchStrategy[Edit] = st.tuples(
    st.integers(0, (1 << 13) - 1), st.just(1), st.binary(min_size=1, max_size=1)
)
DAMAGE = st.lists(HEADERS, min_size=1, max_size=2) | st.lists(FLIPS, min_size=1, max_size=1) | EDITS
OF_A_TRACK = shard_of("pop/0")
NUMBERS = st.integers(0, 1 << 16)

Contents = dict[str, bytes]


def build(place: Path, cache: str) -> Contents:
    """The store of fingerprints that is built of the one of clips."""
    rows._open_store.cache_clear()
    with mock.patch.dict(os.environ, PIPELINE_CACHE=str(place / cache)):
        write_fingerprints(place / "clips", place / "fingerprints")
    return contents(place / "fingerprints")


def compute(place: Path, cache: str) -> None:
    """Every track is in the cache, and no shard."""
    recipe = FingerprintTrack(RATE)
    with mock.patch.dict(os.environ, PIPELINE_CACHE=str(place / cache)):
        builder = Builder(machine_cache(), {}, partial(recipe.template, RATE), recipe)
        for plan in builder.plans(jobs_of(place / "clips")):
            for job in plan.missing:
                builder.compute(job)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of clips and of fingerprints, and caches of shards and of tracks."""
    place = tmp_path_factory.mktemp("stores") / "whole"
    rng = np.random.default_rng(0)
    clips = {name: rng.integers(-9000, 9000, (n, RATE), np.int16) for name, n in TRACKS.items()}
    description = {"name": "pcm", "unit": "", "sample_rate": RATE, "seconds": 1}
    write_store(place / "clips", description, clips)
    for path in (place / "clips").iterdir():
        path.chmod(0o444)  # as the stages leave it, and digests are believed
    build(place, "shards")
    compute(place, "tracks")
    return place


@pytest.fixture(scope="module")
def place(whole: Path) -> Path:
    """A copy that is damaged."""
    return Path(shutil.copytree(whole, whole.with_name("damaged")))


def renew(whole: Path, place: Path, part: str, number: int, edits: list[Edit]) -> None:
    """Copy a part, and damage one of its files."""
    shutil.rmtree(place / part)
    shutil.copytree(whole / part, place / part)
    files = [path for path in sorted((place / part).rglob("*")) if path.is_file()]
    path = files[number % len(files)]
    content = damaged(path.read_bytes(), edits)
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


@pytest.mark.parametrize("cache", ["shards", "tracks"])
@given(number=NUMBERS, edits=DAMAGE)
@cases(4, one_in=4)
def test_damaged_caches(
    bench: Bench, whole: Path, place: Path, cache: str, number: int, edits: list[Edit]
) -> None:
    """It is as if the file were not in the cache."""
    renew(whole, place, "clips", 0, [])
    renew(whole, place, cache, number, edits)
    assert bench.try_call(build, place, cache).value == contents(whole / "fingerprints")


def read_all(folder: Path) -> list[str]:
    """Ids of the tracks in a store of which all is read."""
    with Store(folder) as store:
        assert store.description["name"]
        assert len(store[:]) == len(store)
        assert all(len(store.digest(track_id)) == 64 for track_id in store.track_ids)
        return sorted(store.track_ids)


@given(number=NUMBERS, edits=DAMAGE)
@example(number=OF_A_TRACK, edits=[(112, 1, b"\xff")])  # h5py raises a KeyError
@example(number=OF_A_TRACK, edits=[(888, 1, b"\0")])  # the description has another place
@example(number=OF_A_TRACK, edits=[(921, 1, b"\xff")])  # and another encoding
@example(number=OF_A_TRACK, edits=[(1025, 1, b"\0")])  # a dataset has no dimension
@example(number=OF_A_TRACK, edits=[(1616, 1, b"\0")])  # and is a type
@cases(80)
def test_damaged_stores(
    bench: Bench, whole: Path, place: Path, number: int, edits: list[Edit]
) -> None:
    renew(whole, place, "clips", number, edits)
    bench.try_call(read_all, place / "clips")


@given(number=NUMBERS, edits=DAMAGE)
@example(number=OF_A_TRACK, edits=[(20_000, 4000, bytes(4000))])  # half of a clip
@cases(4, one_in=4)
def test_nothing_is_computed_from_damaged_rows(
    bench: Bench, whole: Path, place: Path, number: int, edits: list[Edit]
) -> None:
    shutil.rmtree(place / "none", ignore_errors=True)
    renew(whole, place, "clips", number, edits)
    end = bench.try_call(build, place, "none")
    if end.error:  # what was built before is still there
        assert contents(place / "fingerprints") == contents(whole / "fingerprints")
    elif bench.try_call(read_all, place / "clips").value == sorted(TRACKS):
        assert end.value == contents(whole / "fingerprints")
