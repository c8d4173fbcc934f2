"""The networks' layers, their optimizers, their normalisation and their arithmetic."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import describe, small_params

from pipeline.training.networks import MODELS
from pipeline.training import machine
from pipeline.training.assembly import assemble, statistics
from pipeline.training.fitting import early_stopping
from pipeline.training.optimizer import make_optimizer, make_schedule
from pipeline.base.backend import keras
from models.ann import AnnParams
from models.cnn import CnnParams
from pipeline.base.errors import ParamsError

Array = npt.NDArray[Any]

PARAMS = small_experiment()
PICTURE = (16, 24, 3)
GENRES = 5


@pytest.fixture(autouse=True)
def _float32() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def ann(**changes: Any) -> Any:
    params = PARAMS.models["ann"]
    assert isinstance(params, AnnParams)
    return MODELS["ann"](PICTURE, GENRES, replace(params, **changes))


def cnn(**changes: Any) -> Any:
    params = PARAMS.models["cnn"]
    assert isinstance(params, CnnParams)
    return MODELS["cnn"](PICTURE, GENRES, replace(params, **changes))


def kinds(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def rows(count: int = 4) -> Array:
    return np.random.default_rng(0).normal(size=(count, *PICTURE)).astype(np.float32)


def answers(model: Any, training: bool = False) -> Array:
    array: Array = keras.ops.convert_to_numpy(model(rows(), training=training))
    return array


def test_ann_is_four_hidden_layers_and_a_softmax() -> None:
    model = ann()
    assert kinds(model) == ["Flatten", *["Dense"] * 5]
    assert [layer.units for layer in model.layers[1:]] == [512, 256, 128, 64, GENRES]
    names = [layer.activation.__name__ for layer in model.layers[1:]]
    assert names == ["relu"] * 4 + ["softmax"]
    assert model.output_shape == (None, GENRES)


def test_ann_drops_out_after_each_hidden_layer_where_it_is_asked_to() -> None:
    model = ann(dropout=0.3)
    assert kinds(model) == ["Flatten", *["Dense", "Dropout"] * 4, "Dense"]
    assert {layer.rate for layer in model.layers if hasattr(layer, "rate")} == {0.3}
    assert not np.array_equal(answers(model, training=True), answers(model, training=True))
    np.testing.assert_array_equal(answers(model), answers(model))


def test_ann_without_dropout_answers_alike_in_training() -> None:
    model = ann()
    np.testing.assert_array_equal(answers(model, training=True), answers(model))


def test_ann_pays_for_the_squares_of_its_hidden_weights() -> None:
    model = ann(l2=0.01)
    hidden = model.get_weights()[:-2:2]
    expected = 0.01 * sum(float((kernel.astype(np.float64) ** 2).sum()) for kernel in hidden)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert ann().losses == []


def test_cnn_is_three_blocks_and_a_hidden_layer() -> None:
    model = cnn()
    block = ["Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU"]
    assert kinds(model) == [
        "BatchNormalization",
        *block * 3,
        *["Flatten", "Dense", "BatchNormalization", "ReLU", "Dropout", "Dense"],
    ]
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert [layer.filters for layer in convolutions] == [64, 128, 256]
    assert {layer.kernel_size for layer in convolutions} == {(7, 7)}
    assert {layer.padding for layer in convolutions} == {"same"}
    assert {(layer.activation.__name__, layer.use_bias) for layer in convolutions} == {
        ("linear", False)
    }
    pools = [layer for layer in model.layers if type(layer).__name__ == "MaxPooling2D"]
    assert {layer.pool_size for layer in pools} == {(2, 2)}
    assert pools[-1].output.shape == (None, 2, 3, 256)


def test_cnn_ends_in_a_small_layer_dropout_and_a_softmax() -> None:
    hidden, _, _, dropout, last = cnn().layers[-5:]
    assert (hidden.units, hidden.activation.__name__, hidden.use_bias) == (32, "linear", False)
    assert dropout.rate == 0.5
    assert (last.units, last.activation.__name__) == (GENRES, "softmax")
    assert cnn(dropout=0.2).layers[-2].rate == 0.2


def test_cnn_normalises_batches_with_the_momentum_asked_for() -> None:
    def momenta(model: Any) -> list[float]:
        norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
        return [layer.momentum for layer in norms]

    assert momenta(cnn(batch_norm_momentum=0.75)) == [0.75] * 5


@pytest.mark.parametrize("shape", [(7, 24, 1), (24, 7, 1), (24,)])
def test_cnn_refuses_what_it_cannot_pool(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParamsError, match="model = 'cnn'"):
        MODELS["cnn"](shape, GENRES, PARAMS.models["cnn"])
    assert MODELS["cnn"]((8, 8, 1), GENRES, PARAMS.models["cnn"]).output_shape == (None, GENRES)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("arithmetic", machine.POLICIES)
def test_probabilities_are_float32_and_sum_to_one(name: str, arithmetic: str) -> None:
    description = describe(model=name)
    model = assemble(PICTURE, description, PARAMS.models[name], 0.0, 1.0, arithmetic)
    assert model.layers[-1].layers[-2].compute_dtype == arithmetic
    probabilities = answers(model)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (4, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert {variable.dtype for variable in model.weights} <= {"float32"}


def test_assembled_model_normalises_before_it_looks() -> None:
    arguments = (describe(), PARAMS.models["ann"])
    plain = assemble(PICTURE, *arguments, 0.0, 1.0, "float32")
    shifted = assemble(PICTURE, *arguments, 3.0, 4.0, "float32")
    shifted.set_weights(plain.get_weights())
    expected = answers(plain)
    found = keras.ops.convert_to_numpy(shifted(rows() * 2 + 3))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(answers(shifted), expected)


def test_optimizer_adam() -> None:
    optimizer = make_optimizer(
        replace(PARAMS.models["ann"], optimizer="adam", learning_rate=0.02), 9
    )
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_optimizer_sgd_is_nesterovs_where_it_has_momentum(momentum: float) -> None:
    optimizer = make_optimizer(replace(PARAMS.models["cnn"], optimizer="sgd", momentum=momentum), 9)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.momentum == momentum
    assert optimizer.nesterov is (momentum > 0)


@pytest.mark.parametrize("name", ["adam", "sgd"])
@pytest.mark.parametrize("step", [0, 1, 10, 5000])
def test_learning_rate_falls_with_every_step(name: Any, step: int) -> None:
    params = replace(
        PARAMS.models["cnn"],
        optimizer=name,
        schedule="inverse_time",
        learning_rate=0.1,
        decay=0.25,
    )
    optimizer = make_optimizer(params, 9)
    optimizer.iterations.assign(step)
    assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + 0.25 * step), rel=1e-5)


def test_a_training_of_a_few_steps_may_warm_up_for_nearly_all_of_them() -> None:
    params = replace(PARAMS.models["cnn"], schedule="cosine", warmup=0.9)
    for steps in (1, 2, 3):
        schedule = make_schedule(params, steps)
        assert not isinstance(schedule, float)
        rates = [float(schedule(step)) for step in range(steps + 1)]
        assert np.isfinite(rates).all()
        assert rates[-1] == 0


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_cosine_rises_then_falls_to_nothing(warmup: float) -> None:
    params = replace(
        PARAMS.models["cnn"], schedule="cosine", learning_rate=0.1, warmup=warmup, decay=9.0
    )
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


def test_early_stopping_is_there_only_where_it_is_asked_for() -> None:
    assert early_stopping(replace(PARAMS.models["ann"], patience=0)) is None
    stopping = early_stopping(replace(PARAMS.models["ann"], patience=3))
    assert stopping is not None
    assert (stopping.patience, stopping.monitor) == (3, "val_loss")


@pytest.mark.parametrize("count", [1, 255, 256, 1000])
@pytest.mark.parametrize("dtype", [np.float16, np.uint8])
def test_statistics_are_numpys_over_the_chosen_rows(count: int, dtype: Any) -> None:
    rng = np.random.default_rng(count)
    table = (100 + 20 * rng.normal(size=(1200, 5))).astype(dtype)
    index = rng.permutation(1200)[:count]
    mean, variance = statistics(table, index)
    chosen = table[index].astype(np.float64)
    assert mean == pytest.approx(chosen.mean())
    assert variance == pytest.approx(chosen.var())


def test_statistics_see_no_other_row() -> None:
    table = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float16)
    index = np.arange(0, 50, 2)
    before = statistics(table, index)
    table[1::2] = 1000
    assert statistics(table, index) == before
    table[0] = 1000
    assert statistics(table, index) != before


def test_variance_of_silence_can_be_divided_by() -> None:
    mean, variance = statistics(np.full((3, 4), 0.1, np.float32), np.arange(3))
    assert mean == pytest.approx(0.1)
    assert 0 < variance < 1e-9


@pytest.mark.parametrize("name", machine.POLICIES)
def test_precision_that_is_asked_for_is_taken(name: str) -> None:
    assert machine.resolve(name) == name


@pytest.mark.parametrize(
    ("gpu", "flags", "expected"),
    [
        (None, {"avx2"}, "float32"),
        (None, set(), "float32"),
        (None, {"avx2", "amx_bf16"}, "bfloat16"),
        (None, {"avx512_bf16"}, "bfloat16"),
        (("H200", True), set(), "bfloat16"),
        (("T4", False), {"avx512_bf16"}, "float32"),
    ],
)
def test_automatic_precision_follows_the_hardware(
    gpu: tuple[str, bool] | None, flags: set[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: ["gpu:0"] if gpu else [])
    monkeypatch.setattr(machine, "gpu_facts", lambda _: gpu)
    monkeypatch.setattr(machine, "_processor_flags", lambda: flags)
    assert machine.resolve("auto") == expected
