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
from pipeline.store.store import JoinedRows, Store, StoredRows, rows_of, write_store

# Rows of each part in its store: in any order, some twice, and of one store none.
NUMBERS = [np.array([5, 0, 9, 9]), np.array([], np.int64), np.arange(12)[::-1]]
COUNT = sum(map(len, NUMBERS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a store for each of NUMBERS."""
    folder, rng = tmp_path_factory.mktemp("stores"), np.random.default_rng(0)
    for number in range(len(NUMBERS)):
        rows = {f"a/{n}": rng.normal(size=(3, 3, 2)).astype(np.float16) for n in range(4)}
        write_store(folder / str(number), {"name": "noise"}, rows)
    return folder


@pytest.fixture(scope="module")
def parts(folder: Path) -> list[StoredRows]:
    return [StoredRows(folder / str(n), numbers) for n, numbers in enumerate(NUMBERS)]


@given(index=st.lists(st.integers(0, COUNT - 1)))
def test_joined_rows_are_the_stores_one_behind_another(
    folder: Path, parts: list[StoredRows], index: list[int]
) -> None:
    """In another process as well, which is not sent the rows."""
    sent = pickle.dumps(JoinedRows(parts))
    assert len(sent) < 4000
    rows, asked = pickle.loads(sent), np.array(index, np.int64)
    stores = [Store(folder / str(number)) for number in range(len(NUMBERS))]
    expected = np.concatenate([store[:][n] for store, n in zip(stores, NUMBERS, strict=True)])
    assert (rows.shape, rows.dtype, len(rows)) == (expected.shape, expected.dtype, COUNT)
    assert rows[asked].dtype == expected.dtype
    np.testing.assert_array_equal(rows[asked], expected[asked])


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
