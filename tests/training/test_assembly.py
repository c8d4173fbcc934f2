"""Statistics of the training part, and the normalisation that a model begins with."""

from typing import Any

import numpy as np
import pytest
from helpers import describe, small_experiment

from pipeline.base.backend import keras
from pipeline.base.types import Array
from pipeline.training.fit import assemble, statistics

PARAMS = small_experiment().network
ROWS = np.random.default_rng(0).normal(size=(4, 24)).astype(np.float32)


def predict(model: Any, rows: Array = ROWS) -> Array:
    array: Array = keras.ops.convert_to_numpy(model(rows))
    return array


def test_model_normalises_before_the_network() -> None:
    plain = assemble((24,), describe(), PARAMS, 0.0, 1.0, "float32")
    shifted = assemble((24,), describe(), PARAMS, 3.0, 4.0, "float32")
    shifted.set_weights(plain.get_weights())
    np.testing.assert_allclose(predict(shifted, ROWS * 2 + 3), predict(plain), atol=1e-5)
    assert not np.allclose(predict(shifted), predict(plain))


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


def test_other_rows_have_no_part_in_the_statistics() -> None:
    table = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float16)
    index = np.arange(0, 50, 2)
    before = statistics(table, index)
    table[1::2] = 1000
    assert statistics(table, index) == before
    table[0] = 1000
    assert statistics(table, index) != before


@pytest.mark.parametrize("value", [0, 0.1, 1e6, -3e8])
def test_what_is_constant_is_centred_and_not_scaled(value: float) -> None:
    """However far from 0 it is: the square of a large value is not exact."""
    table = np.full((700, 2), value, np.float32)
    table[:, 1] = np.arange(700)
    mean, variance = statistics(table, np.arange(700), by_value=True)
    assert mean == pytest.approx([np.float32(value), 349.5])
    assert variance == pytest.approx([1, table[:, 1].astype(np.float64).var()])


def test_small_deviations_are_scaled_all_the_same() -> None:
    table = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32) * 1e-4
    _, variance = statistics(table, np.arange(500), by_value=True)
    assert variance == pytest.approx(table.astype(np.float64).var(axis=0))
