"""The optimizers and their schedules, beside the formulas."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import small_experiment

from pipeline.base.backend import keras
from pipeline.training.fit import make_optimizer, make_schedule

PARAMS = small_experiment().network


def test_optimizer_adam() -> None:
    optimizer = make_optimizer(replace(PARAMS, optimizer="adam", learning_rate=0.02), 9)
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)


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
@pytest.mark.parametrize("step", [0, 1, 10, 5000])
def test_learning_rate_falls_with_every_step(name: Any, step: int) -> None:
    params = replace(
        PARAMS,
        optimizer=name,
        schedule="inverse_time",
        learning_rate=0.1,
        decay=0.25,
    )
    optimizer = make_optimizer(params, 9)
    optimizer.iterations.assign(step)
    assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + 0.25 * step), rel=1e-5)


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
