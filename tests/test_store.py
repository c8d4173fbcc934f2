"""The store: what is written is read back, by track, from the same bytes every time."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.store import SHARDS, Array, Store, in_store_order, iterate, shard_of, write_store

DESCRIPTION = {"name": "test", "unit": "dB", "params": {"n_fft": 512, "names": ["a", "ü"]}}
IDS = [f"rock/rock.{i:05d}" for i in range(40)] + ["pop/Björk, Jóga", "unlabelled/x y"]
TRACK_IDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    min_size=1,
    max_size=8,
    unique=True,
)


def rows_of(track_id: str, dtype: Any = np.float32) -> Array:
    """1 to 4 rows of shape (3, 2), the same for the same id."""
    rng = np.random.default_rng(list(track_id.encode()))
    return rng.integers(0, 100, (rng.integers(1, 5), 3, 2)).astype(dtype)


def build(folder: Path, ids: Iterable[str] = IDS, dtype: Any = np.float32) -> Path:
    write_store(folder, DESCRIPTION, ((i, rows_of(i, dtype)) for i in in_store_order(ids)))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float16, np.float32])
def test_rows_come_back(tmp_path: Path, dtype: Any) -> None:
    with Store(build(tmp_path / "store", dtype=dtype)) as store:
        assert store.description == DESCRIPTION
        assert store.row_shape == (3, 2)
        assert store.dtype == dtype
        assert store.track_ids == in_store_order(IDS)
        for track_id in IDS:
            rows = store.rows(track_id)
            assert rows.dtype == dtype
            assert store.clips(track_id) == len(rows)
            np.testing.assert_array_equal(rows, rows_of(track_id, dtype))


def test_write_store_counts_its_rows(tmp_path: Path) -> None:
    tracks = [(track_id, rows_of(track_id)) for track_id in in_store_order(IDS)]
    total = write_store(tmp_path / "store", DESCRIPTION, tracks)
    assert total == sum(len(rows) for _, rows in tracks)


def test_several_tracks_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    wanted = [IDS[-1], IDS[5], IDS[0]]
    with Store(build(tmp_path / "store")) as store:
        expected = np.concatenate([rows_of(track_id) for track_id in wanted])
        np.testing.assert_array_equal(store.read(iter(wanted)), expected)
        assert store.read([]).shape == (0, 3, 2)


def test_iterate_gives_every_track_in_store_order(tmp_path: Path) -> None:
    with Store(build(tmp_path / "store")) as store:
        tracks = list(iterate(store))
    assert [track_id for track_id, _ in tracks] == in_store_order(IDS)
    for track_id, rows in tracks:
        np.testing.assert_array_equal(rows, rows_of(track_id))


def test_an_unknown_track_is_a_key_error(tmp_path: Path) -> None:
    with Store(build(tmp_path / "store")) as store, pytest.raises(KeyError, match="nobody"):
        store.rows("nobody")


def test_a_row_longer_than_a_chunk(tmp_path: Path) -> None:
    row = np.random.default_rng(0).integers(-9, 9, (2, 300_000)).astype(np.int16)
    write_store(tmp_path / "store", DESCRIPTION, [("a", row)])
    with Store(tmp_path / "store") as store:
        np.testing.assert_array_equal(store.rows("a"), row)


@settings(max_examples=15, deadline=None)
@given(TRACK_IDS)
def test_any_ids_come_back(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    with Store(build(tmp_path_factory.getbasetemp() / "any", ids)) as store:
        assert store.track_ids == in_store_order(ids)
        expected = np.concatenate([rows_of(track_id) for track_id in ids])
        np.testing.assert_array_equal(store.read(ids), expected)


def test_a_store_built_twice_is_the_same_bytes(tmp_path: Path) -> None:
    first = contents(build(tmp_path / "first"))
    time.sleep(1.1)  # HDF5 counts time in seconds, where it writes it down
    assert contents(build(tmp_path / "second", reversed(IDS))) == first
    assert len(first) == SHARDS


def test_a_new_track_changes_its_own_shard_alone(tmp_path: Path) -> None:
    before = contents(build(tmp_path / "before", IDS[1:]))
    after = contents(build(tmp_path / "after"))
    changed = [name for name in after if after[name] != before[name]]
    assert changed == [f"shard-{shard_of(IDS[0]):02d}.h5"]


def test_the_old_store_is_replaced(tmp_path: Path) -> None:
    build(tmp_path / "store", ["old"])
    with Store(build(tmp_path / "store", ["new"])) as store:
        assert store.track_ids == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_leaves_the_old_store(tmp_path: Path, error: type[BaseException]) -> None:
    def failing() -> Iterator[tuple[str, Array]]:
        yield "a", rows_of("a")
        raise error

    old = contents(build(tmp_path / "store"))
    with pytest.raises(error):
        write_store(tmp_path / "store", DESCRIPTION, failing())
    assert contents(tmp_path / "store") == old
    assert len(contents(build(tmp_path / "store", ["b"]))) == SHARDS  # what was left is no obstacle


def test_a_store_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without rows"):
        write_store(tmp_path / "store", DESCRIPTION, [])


def wrong_shard() -> list[str]:
    return in_store_order(IDS)[::-1]


def wrong_within_a_shard() -> list[str]:
    shard = [track_id for track_id in IDS if shard_of(track_id) == shard_of(IDS[0])]
    assert len(shard) > 1
    return sorted(shard, reverse=True)


@pytest.mark.parametrize("ids", [wrong_shard(), wrong_within_a_shard(), ["a", "a"]])
def test_another_order_is_refused(tmp_path: Path, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="not in store order"):
        write_store(tmp_path / "store", DESCRIPTION, ((i, rows_of(i)) for i in ids))
    assert not (tmp_path / "store").exists()


def remove(path: Path) -> None:
    path.unlink()


def garble(path: Path) -> None:
    path.write_bytes(b"not HDF5")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def of_tomorrow(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99


def without_version(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["schema_version"]


def without_clips(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["clip"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove, "is missing: .*store is no complete store"),
        (garble, "is not a readable HDF5 file"),
        (cut_off, "is not a readable HDF5 file"),
        (of_tomorrow, "schema version 99, expected 1"),
        (without_version, "schema version None, expected 1"),
        (without_clips, "has no dataset 'clip'"),
    ],
)
def test_a_damaged_store_is_named(
    tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(build(tmp_path / "store") / "shard-07.h5")
    with pytest.raises(PipelineError, match=rf"shard-07\.h5:? {reason}") as caught:
        Store(tmp_path / "store")
    assert "\n" not in str(caught.value)


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="features/mel is no complete store"):
        Store(tmp_path / "features" / "mel")


def test_the_shard_of_an_id_never_changes() -> None:
    """Another shard would make every store in a cache unreadable by track."""
    assert shard_of("blues/blues.00000") == 8
    assert shard_of("pop/Björk, Jóga") == 10


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True), st.randoms())
def test_store_order_does_not_depend_on_the_order_given(ids: list[str], random: Any) -> None:
    ordered = in_store_order(ids)
    random.shuffle(ids)
    assert in_store_order(ids) == ordered
    assert sorted(ids) == sorted(ordered)
    shards = [shard_of(track_id) for track_id in ordered]
    assert shards == sorted(shards)
    assert set(shards) <= set(range(SHARDS))
