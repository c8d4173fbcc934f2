"""Mini-batches: every row once in each epoch, in an order that follows from the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.fit import Batches

ROWS = np.arange(100, dtype=np.float16)[:, np.newaxis] + np.zeros(3, np.float16)
LABELS = np.arange(100) % 7


def order(batches: Batches, epoch: int = 0) -> list[int]:
    """Rows of one epoch."""
    batches.start_epoch(epoch)
    return [int(value) for i in range(len(batches)) for value in batches[i][0][:, 0]]


@given(
    index=st.sets(st.integers(0, 99), min_size=1),
    batch_size=st.integers(1, 40),
    seed=st.none() | st.integers(0, 2**32 - 1),
)
def test_every_row_is_there_once_in_each_epoch(
    index: set[int], batch_size: int, seed: int | None
) -> None:
    batches = Batches(ROWS, LABELS, np.array(sorted(index)), batch_size, seed)
    for epoch in range(3):
        assert sorted(order(batches, epoch)) == sorted(index)


def test_order_differs_between_epochs_and_seeds() -> None:
    index = np.arange(50)
    first, other = (Batches(ROWS, LABELS, index, 8, seed) for seed in (1, 2))
    orders = [order(first), order(first, 1), order(first, 2), order(other), index.tolist()]
    assert len({tuple(each) for each in orders}) == len(orders)


def test_same_seed_gives_the_same_epochs() -> None:
    first, again = (Batches(ROWS, LABELS, np.arange(50), 8, 1) for _ in range(2))
    assert [order(first, e) for e in (0, 1, 2)] == [order(again, e) for e in (0, 1, 2)]


def test_order_of_an_epoch_does_not_depend_on_those_before() -> None:
    first, late = (Batches(ROWS, LABELS, np.arange(50), 8, 1) for _ in range(2))
    orders = [order(first, epoch) for epoch in range(4)]
    assert order(late, 3) == orders[3]


def test_without_a_seed_the_order_stays() -> None:
    index = np.array([5, 3, 99, 0])
    batches = Batches(ROWS, LABELS, index, 3)
    assert order(batches) == order(batches, 1) == [5, 3, 99, 0]


def test_index_of_the_caller_is_left_alone() -> None:
    index = np.arange(50)
    order(Batches(ROWS, LABELS, index, 8, 1))
    np.testing.assert_array_equal(index, np.arange(50))


@given(rows=st.integers(1, 100), batch_size=st.integers(1, 40))
def test_batches_are_of_the_same_size_give_or_take_one(rows: int, batch_size: int) -> None:
    batches = Batches(ROWS, LABELS, np.arange(rows), batch_size)
    sizes = [len(batches[i][0]) for i in range(len(batches))]
    assert sum(sizes) == rows
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batch_size


def test_batches_of_float16_stay_with_their_labels() -> None:
    batches = Batches(ROWS, LABELS, np.arange(10), 4, 3)
    for i in range(len(batches)):
        rows, labels = batches[i]
        assert rows.dtype == np.float16
        np.testing.assert_array_equal(labels, rows[:, 0].astype(int) % 7)


@pytest.mark.parametrize("dtype", ["f4", "f8", "g", "u1", "i2", "u8", ">f2", ">i4"])
def test_rows_of_any_other_numbers_are_cast(dtype: str) -> None:
    rows, _ = Batches(ROWS.astype(dtype), LABELS, np.arange(10), 4)[2]
    assert rows.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(rows, ROWS[6:10])


@pytest.mark.parametrize(("rows", "expected"), [(8, 2), (9, 3), (1, 1)])
def test_number_of_batches(rows: int, expected: int) -> None:
    assert len(Batches(ROWS, LABELS, np.arange(rows), 4)) == expected


class Recorded:
    """Rows that record what is prefetched and what is read."""

    def __init__(self) -> None:
        self.prefetched: list[int] = []
        self.read: list[list[int]] = []

    def prefetch(self, index: np.ndarray) -> None:
        self.prefetched += index.tolist()

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        self.read.append(index.tolist())
        return ROWS[index]


def test_next_batch_is_prefetched() -> None:
    rows = Recorded()
    order(Batches(rows, LABELS, np.arange(50), 8, 1))
    assert rows.prefetched == [row for batch in rows.read[1:] for row in batch]


@pytest.mark.parametrize("seed", [None, 1])
def test_transform_gets_rows_their_numbers_and_the_epoch(seed: int | None) -> None:
    given: list[tuple[list[int], int]] = []

    def transform(rows: np.ndarray, numbers: np.ndarray, epoch: int) -> np.ndarray:
        np.testing.assert_array_equal(rows, ROWS[numbers])
        assert rows.dtype == np.float16
        given.append((numbers.tolist(), epoch))
        return -rows

    index = np.arange(20, 31)
    plain, changed = (
        Batches(ROWS, LABELS, index, 4, seed),
        Batches(ROWS, LABELS, index, 4, seed, transform),
    )
    for epoch in (0, 5):
        given.clear()
        expected = order(plain, epoch)
        assert [-value for value in order(changed, epoch)] == expected
        bounds = ((0, 3), (3, 7), (7, 11))
        assert given == [(expected[start:stop], epoch) for start, stop in bounds]
        rows, labels = changed[2]
        assert (rows.dtype, len(rows)) == (ROWS.dtype, 4)
        np.testing.assert_array_equal(labels, LABELS[-rows[:, 0].astype(int)])
