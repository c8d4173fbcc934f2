"""A track's result in a file: what was written comes back, and what is damaged never does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.base.types import Array, Result
from pipeline.store.cache import read_head, read_result, write_result

DTYPES = ["|u1", "<i2", ">i2", "<f2", "<f4", "<f8", "|b1", "<c8"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FACTS = st.dictionaries(st.text(), VALUES | st.lists(VALUES), max_size=4)
ROWS = arrays(st.sampled_from(DTYPES), array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
RESULTS = st.builds(Result, FACTS, st.none() | ROWS)
EXAMPLE = Result({"seconds": 1.5, "names": ["ü", "\n"]}, np.arange(6, dtype=np.int16).reshape(2, 3))
EXAMPLES = [EXAMPLE, Result({}, None), Result({}, np.empty((0, 3)))]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results") / "result"


def written(path: Path, result: Result) -> bytes:
    write_result(path, result)
    return path.read_bytes()


def assert_same(found: Result | None, expected: Result) -> None:
    assert found is not None
    assert found.facts == expected.facts
    if expected.rows is None:
        assert found.rows is None
        return
    assert found.rows is not None
    assert (found.rows.dtype, found.rows.shape) == (expected.rows.dtype, expected.rows.shape)
    assert found.rows.tobytes() == expected.rows.tobytes()


@given(result=RESULTS)
def test_a_result_comes_back(path: Path, result: Result) -> None:
    write_result(path, result)
    assert_same(read_result(path), result)


@given(result=RESULTS)
def test_the_head_says_the_number_of_rows_and_the_facts(path: Path, result: Result) -> None:
    write_result(path, result)
    assert read_head(path) == (0 if result.rows is None else len(result.rows), result.facts)


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(24).reshape(4, 6)[::2, ::-3],
        np.asfortranarray(np.arange(24).reshape(4, 6)),
        np.arange(24).reshape(2, 3, 4).T,
    ],
    ids=["steps", "columns first", "transposed"],
)
def test_rows_come_back_however_they_lie_in_memory(path: Path, rows: Array) -> None:
    write_result(path, Result({}, rows))
    assert_same(read_result(path), Result({}, rows))


def test_equal_results_are_the_same_bytes(path: Path) -> None:
    again = Result(dict(EXAMPLE.facts), np.array(EXAMPLE.rows))
    assert written(path, again) == written(path, EXAMPLE)


@pytest.mark.parametrize("result", EXAMPLES)
def test_no_part_of_a_file_is_taken_for_a_whole(path: Path, result: Result) -> None:
    content = written(path, result)
    for end in range(len(content)):
        path.write_bytes(content[:end])
        assert read_result(path) is None
        assert read_head(path) is None


@pytest.mark.parametrize("result", EXAMPLES)
def test_a_changed_byte_changes_nothing_or_is_noticed(path: Path, result: Result) -> None:
    content = written(path, result)
    head = read_head(path)
    noticed = 0
    for place in range(len(content)):
        for bits in (1, 0x20, 0xFF):
            changed = bytearray(content)
            changed[place] ^= bits
            path.write_bytes(changed)
            found = read_result(path)
            assert read_head(path) in (None, head)
            if found is None:
                noticed += 1
            else:
                assert_same(found, result)
    assert noticed > len(content)


@given(content=st.binary())
def test_any_other_bytes_are_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read_result(path) is None
    assert read_head(path) is None


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read_result(tmp_path / "none") is None
    assert read_head(tmp_path / "none") is None


def test_objects_are_not_unpickled(path: Path) -> None:
    rows: Any = np.array([{"a": 1}], object)
    write_result(path, Result({}, rows))
    assert read_head(path) == (1, {})
    assert read_result(path) is None


def test_a_smaller_shape_in_the_header_is_noticed(path: Path) -> None:
    """NumPy would read less, and compare no checksum."""
    content = written(path, Result({}, np.zeros((99, 100))))
    assert content.count(b"(99, 100)") == 1
    path.write_bytes(content.replace(b"(99, 100)", b"(98, 100)"))
    assert read_result(path) is None
