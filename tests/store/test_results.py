"""A track's result as bytes: what was packed comes back, and what is damaged never does."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.base.arrays import Array
from pipeline.store.results import Result, pack, unpack, unpack_head

DTYPES = ["|u1", "<i2", ">i2", "<f2", "<f4", "<f8", "|b1", "<c8"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FACTS = st.dictionaries(st.text(), VALUES | st.lists(VALUES), max_size=4)
ROWS = arrays(st.sampled_from(DTYPES), array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
RESULTS = st.builds(Result, FACTS, st.none() | ROWS)
EXAMPLE = Result({"seconds": 1.5, "names": ["ü", "\n"]}, np.arange(6, dtype=np.int16).reshape(2, 3))


def assert_same(found: Result | None, expected: Result) -> None:
    assert found is not None
    assert found.facts == expected.facts
    if expected.rows is None:
        assert found.rows is None
        return
    assert found.rows is not None
    assert (found.rows.dtype, found.rows.shape) == (expected.rows.dtype, expected.rows.shape)
    assert found.rows.tobytes() == expected.rows.tobytes()


@given(RESULTS)
def test_a_result_comes_back(result: Result) -> None:
    assert_same(unpack(pack(result)), result)


@given(RESULTS)
def test_the_head_says_the_number_of_rows_and_the_facts(result: Result) -> None:
    line = pack(result).split(b"\n")[0] + b"\n"
    assert unpack_head(line) == (0 if result.rows is None else len(result.rows), result.facts)


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(24).reshape(4, 6)[::2, ::-3],
        np.asfortranarray(np.arange(24).reshape(4, 6)),
        np.arange(24).reshape(2, 3, 4).T,
    ],
    ids=["steps", "columns first", "transposed"],
)
def test_rows_come_back_however_they_lie_in_memory(rows: Array) -> None:
    assert_same(unpack(pack(Result({}, rows))), Result({}, rows))


def test_equal_results_are_the_same_bytes() -> None:
    again = Result(dict(EXAMPLE.facts), np.array(EXAMPLE.rows))
    assert pack(again) == pack(EXAMPLE)


@pytest.mark.parametrize("result", [EXAMPLE, Result({}, None), Result({}, np.empty((0, 3)))])
def test_no_part_of_a_result_is_taken_for_a_whole(result: Result) -> None:
    content = pack(result)
    for end in range(len(content)):
        assert unpack(content[:end]) is None


@given(RESULTS, st.data())
def test_a_changed_byte_is_noticed(result: Result, data: Any) -> None:
    content = bytearray(pack(result))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert unpack(bytes(content)) is None


@given(st.binary(min_size=5))
def test_any_other_bytes_are_none(content: bytes) -> None:
    assert unpack(content) is None


def test_four_zero_bytes_are_no_result() -> None:
    """Nothing, and the CRC-32 of nothing."""
    assert unpack(bytes(4)) is None
