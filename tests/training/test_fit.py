"""The parts of a training: batches, normalisation, optimizers and schedules, beside formulas."""

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from helpers import describe, small_experiment
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.training.fit import (
    Batches,
    assemble,
    make_optimizer,
    make_schedule,
    statistics,
)
from pipeline.training.trained import probabilities

PARAMS = small_experiment().network
NUMBERED = np.arange(100, dtype=np.float16)[:, np.newaxis] + np.zeros(3, np.float16)
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
def test_every_row_is_there_once_in_each_epoch_in_batches_of_one_size_give_or_take_one(
    index: set[int], batch_size: int, seed: int | None
) -> None:
    given_order = sorted(index, key=lambda row: row % 10)
    batches = Batches(NUMBERED, LABELS, np.array(given_order), batch_size, seed)
    for epoch in range(3):
        assert sorted(order(batches, epoch)) == sorted(index)
        assert seed is not None or order(batches, epoch) == given_order
    sizes = [len(batches[i][0]) for i in range(len(batches))]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batch_size
    assert len(batches) == -(-len(index) // batch_size)


def test_the_order_follows_from_the_seed_and_the_epoch_alone() -> None:
    index = np.arange(50)
    first, again, other = (Batches(NUMBERED, LABELS, index, 8, seed) for seed in (1, 1, 2))
    orders = [order(first), order(first, 1), order(first, 2), order(other), index.tolist()]
    assert len({tuple(each) for each in orders}) == len(orders)
    assert order(again, 2) == orders[2]
    np.testing.assert_array_equal(index, np.arange(50))


@pytest.mark.parametrize("dtype", ["f4", "f8", "g", "u1", "i2", "u8", ">f2", ">i4"])
def test_rows_of_any_other_numbers_are_cast(dtype: str) -> None:
    rows, _ = Batches(NUMBERED.astype(dtype), LABELS, np.arange(10), 4)[2]
    assert rows.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(rows, NUMBERED[6:10])


def test_next_batch_is_prefetched() -> None:
    rows = mock.MagicMock()
    rows.__getitem__.side_effect = NUMBERED.__getitem__
    order(Batches(rows, LABELS, np.arange(50), 8, 1))
    read, prefetched = (
        [call.args[0] for call in method.call_args_list]
        for method in (rows.__getitem__, rows.prefetch)
    )
    np.testing.assert_array_equal(np.concatenate(prefetched), np.concatenate(read[1:]))


@pytest.mark.parametrize("seed", [None, 1])
def test_transform_gets_rows_their_numbers_and_the_epoch(seed: int | None) -> None:
    given: list[tuple[list[int], int]] = []

    def transform(rows: Array, numbers: Array, epoch: int) -> Array:
        np.testing.assert_array_equal(rows, NUMBERED[numbers])
        assert rows.dtype == np.float16
        given.append((numbers.tolist(), epoch))
        return -rows

    index = np.arange(20, 31)
    plain, changed = (
        Batches(NUMBERED, LABELS, index, 4, seed),
        Batches(NUMBERED, LABELS, index, 4, seed, transform),
    )
    for epoch in (0, 5):
        given.clear()
        expected = order(plain, epoch)
        assert [-value for value in order(changed, epoch)] == expected
        bounds = ((0, 3), (3, 7), (7, 11))
        assert given == [(expected[start:stop], epoch) for start, stop in bounds]
        rows, labels = changed[2]
        assert (rows.dtype, len(rows)) == (NUMBERED.dtype, 4)
        np.testing.assert_array_equal(labels, LABELS[-rows[:, 0].astype(int)])


def test_model_normalises_before_the_network() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 24)).astype(np.float32)
    plain = assemble((24,), describe(), PARAMS, 0.0, 1.0, "float32")
    shifted = assemble((24,), describe(), PARAMS, 3.0, 4.0, "float32")
    shifted.set_weights(plain.get_weights())
    expected = probabilities(plain, rows)
    np.testing.assert_allclose(probabilities(shifted, rows * 2 + 3), expected, atol=1e-5)
    assert not np.allclose(probabilities(shifted, rows), expected)


@pytest.mark.parametrize("count", [1, 255, 256, 1000])
@pytest.mark.parametrize("dtype", [np.float16, np.uint8])
def test_statistics_are_numpys_of_the_chosen_rows(count: int, dtype: Any) -> None:
    rng = np.random.default_rng(count)
    table = (100 + 20 * rng.normal(size=(1200, 5))).astype(dtype)
    index = rng.permutation(1200)[:count]
    mean, variance = statistics(table, index)
    chosen = table[index].astype(np.float64)
    assert mean == pytest.approx(chosen.mean())
    assert variance == pytest.approx(chosen.var())


@pytest.mark.parametrize("value", [0, 0.1, 1e6, -3e8])
def test_what_is_constant_is_centred_and_not_scaled_and_all_else_is(value: float) -> None:
    """However far from 0 it is: the square of a large value is not exact."""
    table = np.full((700, 2), value, np.float32)
    table[:, 1] = np.arange(700)
    mean, variance = statistics(table, np.arange(700), by_value=True)
    assert mean == pytest.approx([np.float32(value), 349.5])
    assert variance == pytest.approx([1, table[:, 1].astype(np.float64).var()])
    small = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32) * 1e-4
    _, variance = statistics(small, np.arange(500), by_value=True)
    assert variance == pytest.approx(small.astype(np.float64).var(axis=0))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_optimizer_sgd_is_nesterovs_where_it_has_momentum(momentum: float) -> None:
    optimizer = make_optimizer(replace(PARAMS, optimizer="sgd", momentum=momentum), 9)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.momentum == momentum
    assert optimizer.nesterov is (momentum > 0)


def test_adamw_shrinks_kernels_but_neither_biases_nor_batch_normalisation() -> None:
    """Without a gradient, the decay is all that a step does."""
    params = replace(PARAMS, optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    optimizer = make_optimizer(params, 9)
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    variables = network.trainable_variables
    for variable in variables:
        variable.assign(keras.ops.ones_like(variable))
    optimizer.apply([keras.ops.zeros_like(variable) for variable in variables], variables)
    after = {variable.name: float(variable.numpy().max()) for variable in variables}
    assert after == pytest.approx(
        {"kernel": 1 - 0.1 * 0.5, "bias": 1, "gamma": 1, "beta": 1}, abs=1e-6
    )


@pytest.mark.parametrize("name", ["adam", "sgd"])
@pytest.mark.parametrize("decay", [0.0, 0.25])
def test_learning_rate_falls_with_every_step_where_there_is_a_decay(
    name: Any, decay: float
) -> None:
    changes: dict[str, Any] = {"schedule": "inverse_time", "learning_rate": 0.1, "decay": decay}
    optimizer = make_optimizer(replace(PARAMS, optimizer=name, **changes), 9)
    assert type(optimizer) is {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[name]
    for step in (0, 1, 10, 5000):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + decay * step), rel=1e-5)


def test_short_training_can_warm_up_for_nearly_all_of_its_steps() -> None:
    params = replace(PARAMS, schedule="cosine", warmup=0.9)
    for steps in (1, 2, 3):
        schedule = make_schedule(params, steps)
        assert not isinstance(schedule, float)
        rates = [float(schedule(step)) for step in range(steps + 1)]
        assert np.isfinite(rates).all()
        assert rates[-1] == 0


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_cosine_rises_and_then_falls_to_0(warmup: float) -> None:
    params = replace(PARAMS, schedule="cosine", learning_rate=0.1, warmup=warmup, decay=9.0)
    optimizer = make_optimizer(params, 200)
    rates = []
    for step in range(201):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    rising = round(warmup * 200)
    falling = np.arange(201 - rising) / (200 - rising)
    expected = [0.1 * step / rising for step in range(rising)]
    expected += (0.05 * (1 + np.cos(np.pi * falling))).tolist()
    np.testing.assert_allclose(rates, expected, atol=1e-6)
