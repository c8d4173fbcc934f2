"""The store: what is written is read back, by track, from the same bytes every time."""

import fcntl
import hashlib
import json
import pickle
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import contents

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.store.shard import HashedRows, Shard, write_shard
from pipeline.store.store import (
    SHARDS,
    JoinedRows,
    Store,
    StoredRows,
    in_store_order,
    rows_of,
    shard_of,
    write_store,
)

DESCRIPTION = {"name": "test", "unit": "dB", "params": {"n_fft": 512, "names": ["a", "ü"]}}
IDS = [f"rock/rock.{i:05d}" for i in range(40)] + ["pop/Björk, Jóga", "unlabelled/x y"]


def made_of(track_id: str, dtype: Any = np.float32) -> Array:
    """1 to 4 rows of shape (3, 2), the same for the same id."""
    rng = np.random.default_rng(list(track_id.encode()))
    return rng.integers(0, 100, (rng.integers(1, 5), 3, 2)).astype(dtype)


def build(folder: Path, ids: Iterable[str] = IDS, dtype: Any = np.float32) -> Path:
    write_store(folder, DESCRIPTION, {i: made_of(i, dtype) for i in ids})
    return folder


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float16, np.float32])
def test_rows_come_back(tmp_path: Path, dtype: Any) -> None:
    with Store(build(tmp_path / "store", dtype=dtype)) as store:
        assert store.description == DESCRIPTION
        assert store.shape == (sum(len(made_of(i)) for i in IDS), 3, 2)
        assert store.dtype == dtype
        assert store.track_ids == in_store_order(IDS)
        rows = {track_id: store.rows(track_id) for track_id in IDS}
        assert [store.clips(track_id) for track_id in IDS] == list(map(len, rows.values()))
        with pytest.raises(KeyError, match="nobody"):
            store.rows("nobody")
    for track_id in IDS:  # which stay valid after closing
        assert rows[track_id].dtype == dtype
        np.testing.assert_array_equal(rows[track_id], made_of(track_id, dtype))


def test_indexing_reads_many_files_as_one_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with Store(build(tmp_path / "store")) as store:
        whole = store.read(store.track_ids)
        assert len(store) == len(whole)
        assert store.read([]).shape == (0, 3, 2)
        for step in (None, 1, 2, 7, len(whole) + 3, -1, -3):
            np.testing.assert_array_equal(store[::step], whole[::step])
            for _ in range(50):
                start, stop = rng.integers(-len(whole) - 3, len(whole) + 3, 2).tolist()
                np.testing.assert_array_equal(store[start:stop:step], whole[start:stop:step])
        index = rng.integers(0, len(whole), 300)
        np.testing.assert_array_equal(store[index], whole[index])
        np.testing.assert_array_equal(store[:], whole)
        assert store[np.empty(0, int)].shape == (0, 3, 2)
        for row in (len(whole), -1):
            with pytest.raises(IndexError):
                store[np.array([row])]
        for track_id in IDS:
            np.testing.assert_array_equal(whole[store.span(track_id)], made_of(track_id))


def test_rows_by_number_are_not_mapped_as_the_pages_would_count_as_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(build(tmp_path / "store")) as store:
        whole = store.read(store.track_ids)
        monkeypatch.setattr("mmap.mmap", None)
        np.testing.assert_array_equal(store[np.array([5, 0])], whole[[5, 0]])
        with pytest.raises(TypeError):
            store[:1]


def test_h5py_alone_reads_what_the_documentation_says(tmp_path: Path) -> None:
    build(tmp_path / "store")
    found: dict[str, list[Array]] = {}
    for path in sorted((tmp_path / "store").glob("shard-*.h5")):
        with h5py.File(path) as file:
            assert file.attrs["schema_version"] == 3
            assert json.loads(file.attrs["description"]) == DESCRIPTION
            for track_id, clip, row, digest in zip(
                file["track_id"].asstr(), file["clip"], file["rows"], file["sha256"], strict=True
            ):
                assert hashlib.sha256(row.tobytes()).digest() == digest.tobytes()
                assert clip == len(found.setdefault(track_id, []))
                found[track_id].append(row)
    assert sorted(found) == sorted(IDS)
    for track_id, rows in found.items():
        np.testing.assert_array_equal(rows, made_of(track_id))


def rewrite(path: Path, **options: Any) -> None:
    """The same content by another writer: chunked, compressed, without digests."""
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
        parts = {name: file[name][:] for name in ("rows", "track_id", "clip")}
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, values in parts.items():
            file.create_dataset(name, data=values, maxshape=(None, *values.shape[1:]), **options)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True}])
def test_a_store_of_another_writer_reads_the_same(tmp_path: Path, options: dict[str, Any]) -> None:
    with Store(build(tmp_path / "store")) as store:
        whole, digests = store[:], [store.digest(track_id) for track_id in IDS]
    for path in (tmp_path / "store").iterdir():
        rewrite(path, **options)
    with Store(tmp_path / "store") as store:
        np.testing.assert_array_equal(store[:], whole)
        store.prefetch(np.array([5, 0]))
        np.testing.assert_array_equal(store[np.array([5, 0])], whole[[5, 0]])
        assert [store.digest(track_id) for track_id in IDS] == digests


def test_a_digest_follows_from_the_rows_alone(tmp_path: Path) -> None:
    with Store(build(tmp_path / "a", ["x"])) as one, Store(build(tmp_path / "b")) as other:
        assert one.digest("x") not in {other.digest(track_id) for track_id in IDS}
    write_store(tmp_path / "c", DESCRIPTION, {"renamed": made_of("x")})
    write_store(tmp_path / "d", DESCRIPTION, {"x": made_of("x").astype(np.int32)})
    with Store(tmp_path / "a") as a, Store(tmp_path / "c") as c, Store(tmp_path / "d") as d:
        assert a.digest("x") == c.digest("renamed") != d.digest("x")


def edit(folder: Path, track_id: str) -> None:
    """Change a value of a track's second row in place, as h5py does it."""
    with h5py.File(folder / f"shard-{shard_of(track_id):02d}.h5", "r+") as file:
        row = list(file["track_id"].asstr()).index(track_id) + 1
        file["rows"][row, 0, 0] += 1


EDITED = next(track_id for track_id in IDS if len(made_of(track_id)) > 1)


def test_rows_that_were_edited_in_place_have_other_digests(tmp_path: Path) -> None:
    folder = build(tmp_path / "store")
    with Store(folder) as store:
        before = {track_id: store.digest(track_id) for track_id in IDS}
        rows = store.row_digests(EDITED)
    edit(folder, EDITED)
    with Store(folder) as store:
        assert [name for name in IDS if store.digest(name) != before[name]] == [EDITED]
        same = np.equal(store.row_digests(EDITED), rows).tolist()
    assert same == [number != 1 for number in range(len(rows))]


def test_a_store_built_twice_is_the_same_bytes(tmp_path: Path) -> None:
    first = contents(build(tmp_path / "first"))
    time.sleep(1.1)  # HDF5 counts time in seconds, where it writes it down
    assert contents(build(tmp_path / "second", reversed(IDS))) == first
    assert len(first) == SHARDS


def use_all(folder: Path) -> None:
    with Store(folder) as store:
        assert store.track_ids
        assert store.description


def changed(**parts: Any) -> Callable[[Path], None]:
    """Have other attributes or datasets in a file, or none of these."""

    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            for name, value in parts.items():
                place = file if name in file else file.attrs
                del place[name]
                if value is not None:
                    place[name] = value

    return change


OTHER_UNIT = np.bytes_(json.dumps({**DESCRIPTION, "unit": "Hz"}))
DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (Path.unlink, "is missing: .*store is not a complete store"),
    (lambda path: path.write_bytes(path.read_bytes()[:1000]), "is not a readable HDF5 file"),
    (changed(schema_version=99), "schema version 99, expected 3"),
    (changed(schema_version=None), "no attribute 'schema_version'"),
    (changed(description=None), "is damaged: .*can't locate attribute: 'description'"),
    (changed(description=np.bytes_("[]")), "is damaged: its description is not a JSON object"),
    (changed(description=np.bytes_("{")), "is damaged: Expecting property name"),
    (changed(description="{}"), "is damaged: .*'description' is not one value of fixed length"),
    (changed(description=OTHER_UNIT), "description .*Hz.*, but .*dB.* in shard-00"),
    (changed(clip=None), "no dataset 'clip'"),
    (changed(clip=np.zeros(1, np.int32)), "the datasets' lengths differ"),
    (changed(track_id=["a", "b"]), "the values of 'track_id' are not of fixed length"),
    (changed(rows=np.array([b"a", b"b"])), "the values of 'rows' are not numbers"),
    (
        lambda path: path.write_bytes(path.with_name("shard-03.h5").read_bytes()),
        "holds .*, which belongs in shard-03",
    ),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES, ids=[reason for _, reason in DAMAGES])
def test_a_damaged_store_is_named(
    tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(build(tmp_path / "store") / "shard-08.h5")
    with pytest.raises(PipelineError, match=rf"shard-08\.h5:? {reason}") as caught:
        use_all(tmp_path / "store")
    assert "\n" not in str(caught.value)


def test_no_lock_is_asked_for(tmp_path: Path) -> None:
    """Some file systems refuse them all; here, another holds every one."""
    folder, rows = build(tmp_path / "store"), HashedRows.of(np.zeros((1, 2), np.int16))
    new = folder / "new.h5"
    new.touch()
    with ExitStack() as held:
        for path in folder.iterdir():
            fcntl.flock(held.enter_context(path.open("r+b")), fcntl.LOCK_EX)
        use_all(folder)
        write_shard(new, {}, rows.rows[:0], {"a": 1}, [rows])
        assert Shard(new).clips() == {"a": 1}


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"features/mel is missing; run `dvc repro`$"):
        Store(tmp_path / "features" / "mel")


def test_a_writer_that_gives_fewer_rows_than_announced_is_refused(tmp_path: Path) -> None:
    template = np.empty((0, 2), np.int16)
    with pytest.raises(ValueError, match="1 rows came, 2 were announced"):
        write_shard(
            tmp_path / "a.h5", {}, template, {"a": 2}, [HashedRows.of(np.zeros((1, 2), np.int16))]
        )


def test_the_shard_of_an_id_never_changes() -> None:
    """Another shard would make every store in a cache unreadable by track."""
    assert shard_of("blues/blues.00000") == 24
    assert shard_of("pop/Björk, Jóga") == 10


# Rows as arrays that go to other processes.

# Rows of each part in its store: in any order, some twice, and of one store none.
NUMBERS = [np.array([5, 0, 9, 9]), np.array([], np.int64), np.arange(12)[::-1]]
COUNT = sum(map(len, NUMBERS))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a store for each of NUMBERS."""
    folder, rng = tmp_path_factory.mktemp("stores"), np.random.default_rng(0)
    for number in range(len(NUMBERS)):
        rows = {f"a/{n}": rng.normal(size=(3, 3, 2)).astype(np.float16) for n in range(4)}
        write_store(folder / str(number), {"name": "noise"}, rows)
    return folder


@pytest.fixture(scope="module")
def parts(stores: Path) -> list[StoredRows]:
    return [StoredRows(stores / str(n), numbers) for n, numbers in enumerate(NUMBERS)]


@given(index=st.lists(st.integers(0, COUNT - 1)))
@settings(max_examples=15)
def test_joined_rows_are_the_stores_one_behind_another(
    stores: Path, parts: list[StoredRows], index: list[int]
) -> None:
    """In another process as well, which is not sent the rows."""
    sent = pickle.dumps(JoinedRows(parts))
    assert len(sent) < 4000
    rows, asked = pickle.loads(sent), np.array(index, np.int64)
    opened = [Store(stores / str(number)) for number in range(len(NUMBERS))]
    expected = np.concatenate([store[:][n] for store, n in zip(opened, NUMBERS, strict=True)])
    assert (rows.shape, rows.dtype, len(rows)) == (expected.shape, expected.dtype, COUNT)
    rows.prefetch(asked)
    assert rows[asked].dtype == expected.dtype
    np.testing.assert_array_equal(rows[asked], expected[asked])


def test_rows_of_a_replaced_store_are_never_the_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "store"

    def write(row: int) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        write_store(folder, {"name": "noise"}, {"a": np.array([[row]])})
        with Store(folder) as store:
            return store.digest("a")

    old = write(1)
    sent = pickle.dumps(StoredRows(folder, np.array([0])))
    assert pickle.loads(sent)[np.array([0])].tolist() == [[1]]
    assert rows_of(folder, "a", old).tolist() == [[1]]
    new = write(2)
    assert rows_of(folder, "a", new).tolist() == [[2]]
    with pytest.raises(PipelineError, match=r"store changed while the stage ran; run it again$"):
        rows_of(folder, "a", old)
    with pytest.raises(PipelineError, match=r"store changed while the stage ran; run it again$"):
        pickle.loads(sent)[np.array([0])]
