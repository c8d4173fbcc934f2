"""Rows on the disk: those asked for, in the order asked for, from one store or from several."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.store.store import (
    JoinedRows,
    Store,
    StoredRows,
    rows_of,
    shard_name,
    shard_of,
    write_store,
)

# Rows of each part in its store: in any order, some twice, and of one store none.
NUMBERS = [np.array([5, 0, 9, 9]), np.array([], np.int64), np.arange(12)[::-1]]
COUNT = sum(map(len, NUMBERS))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[StoredRows]:
    folder, rng = tmp_path_factory.mktemp("stores"), np.random.default_rng(0)
    for number in range(len(NUMBERS)):
        rows = {f"a/{n}": rng.normal(size=(3, 3, 2)).astype(np.float16) for n in range(4)}
        write_store(folder / str(number), {"name": "noise"}, rows)
    return [StoredRows(folder / str(n), numbers) for n, numbers in enumerate(NUMBERS)]


def whole(rows: StoredRows) -> Array:
    return rows[np.arange(len(rows))]


def test_rows_are_those_of_the_store(tmp_path: Path) -> None:
    made = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    write_store(tmp_path / "store", {"name": "noise"}, {"a": made[:2], "b": made[2:]})
    numbers = np.array([4, 1, 1, 0])
    rows = StoredRows(tmp_path / "store", numbers)
    with Store(tmp_path / "store") as store:
        expected = store[:][numbers]
    assert (rows.shape, rows.dtype.name, len(rows)) == ((4, 4), "float32", 4)
    np.testing.assert_array_equal(rows[np.array([3, 0])], expected[[3, 0]])


def test_what_goes_to_another_process_holds_no_rows(parts: list[StoredRows]) -> None:
    rows = parts[2]
    expected = whole(rows)
    sent = pickle.dumps(rows)
    assert len(sent) < 2000
    again = pickle.loads(sent)
    assert again.shape == rows.shape
    np.testing.assert_array_equal(whole(again), expected)


@given(index=st.lists(st.integers(0, COUNT - 1)))
def test_joined_rows_are_the_stores_one_behind_another(
    parts: list[StoredRows], index: list[int]
) -> None:
    rows, expected = JoinedRows(parts), np.concatenate([whole(part) for part in parts])
    assert (rows.shape, rows.dtype, len(rows)) == (expected.shape, expected.dtype, COUNT)
    asked = np.array(index, np.int64)
    found = rows[asked]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected[asked])


def test_joined_rows_prefetch_from_each_store(
    parts: list[StoredRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[tuple[int, list[int]]] = []

    def prefetch(rows: StoredRows, index: Array) -> None:
        asked_for.append((parts.index(rows), index.tolist()))

    JoinedRows(parts).prefetch(np.array([3, 15, 4]))  # must not fail
    monkeypatch.setattr(StoredRows, "prefetch", prefetch)
    JoinedRows(parts).prefetch(np.array([3, 15, 4]))
    assert asked_for == [(0, [3]), (2, [11, 0])]


def test_joined_rows_go_to_another_process_without_rows(parts: list[StoredRows]) -> None:
    rows = JoinedRows(parts)
    index = np.arange(COUNT)
    expected = rows[index]
    sent = pickle.dumps(rows)
    assert len(sent) < 4000
    np.testing.assert_array_equal(pickle.loads(sent)[index], expected)


def test_rows_of_a_store_that_was_written_anew_meanwhile_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    write_store(folder, {"name": "noise"}, {"a": np.array([[1]])})
    sent = pickle.dumps(StoredRows(folder, np.array([0])))
    assert pickle.loads(sent)[np.array([0])].tolist() == [[1]]
    shutil.rmtree(folder)
    write_store(folder, {"name": "noise"}, {"a": np.array([[2]])})
    with pytest.raises(PipelineError, match=r"store changed while the stage ran; run it again$"):
        pickle.loads(sent)[np.array([0])]


def test_rows_of_a_replaced_store_are_never_the_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "store"

    def write(row: int) -> str:
        write_store(folder, {"name": "noise"}, {"a": np.array([[row]])})
        with Store(folder) as store:
            return store.digest("a")

    old = write(1)
    assert rows_of(folder, "a", old).tolist() == [[1]]
    shutil.rmtree(folder)
    new = write(2)
    assert rows_of(folder, "a", new).tolist() == [[2]]
    with pytest.raises(PipelineError, match="changed while the stage ran"):
        rows_of(folder, "a", old)


def test_damaged_rows_are_refused_although_their_digests_are_whole(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    write_store(folder, {"name": "noise"}, {"a": np.array([[1234567]])})
    with Store(folder) as store:
        digest = store.digest("a")
    path = folder / shard_name(shard_of("a"))
    path.write_bytes(path.read_bytes().replace((1234567).to_bytes(8, "little"), bytes(8)))
    path.chmod(0o444)
    with Store(folder) as store:
        assert store.digest("a") == digest
    with pytest.raises(PipelineError, match="store is damaged: the rows of a are not those that"):
        rows_of(folder, "a", digest)
