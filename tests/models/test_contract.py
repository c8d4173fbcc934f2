"""What every network must keep to; a new network is tested without writing a test."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from documents import base_document
from helpers import describe, saves_models

from pipeline.base.backend import keras
from pipeline.base.params import entry_of
from pipeline.base.types import Array
from pipeline.check import parse_models
from pipeline.prediction.ensemble import load_model
from pipeline.training.fit import POLICIES, assemble
from pipeline.training.network import PACKAGE, build_network, network_names, params_class
from pipeline.training.trained import probabilities, save_model

pytestmark = saves_models

PARAMS = parse_models(base_document())
SHAPES = [(16, 24, 3), (24,), (16, 24)]  # rows of pictures, of values over time, of frames
N_CLASSES = 4

every_network = pytest.mark.parametrize("name", network_names())


@pytest.fixture(autouse=True)
def _float32() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def accepts(name: str, shape: tuple[int, ...]) -> bool:
    return not PARAMS[name].reason_against(shape)


def shape_for(name: str) -> tuple[int, ...]:
    """The first shape that the network accepts."""
    return next(shape for shape in SHAPES if accepts(name, shape))


def rows_for(name: str) -> Array:
    return np.random.default_rng(0).normal(size=(5, *shape_for(name))).astype(np.float32)


@every_network
def test_network_says_what_it_is_and_imports_no_backend(name: str) -> None:
    module = entry_of(PACKAGE, name)
    assert all(each.__doc__ for each in (module, module.build, params_class(name)))
    source = Path(inspect.getfile(module)).read_text(encoding="utf-8")
    at_once = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert "keras" not in at_once  # so that `check` never waits for Keras
    assert not re.search(r"\b(import|from) (tensorflow|jax|torch)\b", source)


@every_network
def test_network_maps_every_shape_that_it_accepts_to_probabilities(name: str) -> None:
    for shape in filter(lambda shape: accepts(name, shape), SHAPES):
        network = build_network(name, shape, N_CLASSES, PARAMS[name])
        assert network.output_shape == (None, N_CLASSES)


@every_network
@pytest.mark.parametrize("precision", POLICIES)
def test_probabilities_are_float32_and_sum_to_one_in_every_precision(
    name: str, precision: str
) -> None:
    rows, description = rows_for(name), describe(model=name)
    model = assemble(rows.shape[1:], description, PARAMS[name], 0.0, 1.0, precision)
    found = keras.ops.convert_to_numpy(model(rows))
    assert found.dtype == np.float32
    assert found.shape == (5, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert {layer.compute_dtype for layer in model.layers[-1].layers} <= {precision, "float32"}
    assert precision in {layer.compute_dtype for layer in model.layers[-1].layers}
    assert {variable.dtype for variable in model.weights} <= {"float32"}


@every_network
def test_equal_seeds_give_equal_weights_and_others_do_not(name: str) -> None:
    def weights(seed: int) -> list[Array]:
        description = describe(model=name, training={"seed": seed})
        model = assemble(shape_for(name), description, PARAMS[name], 0.0, 1.0, "float32")
        return [np.asarray(each) for each in model.get_weights()]

    first, again, other = weights(1), weights(1), weights(2)
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


@every_network
def test_saved_network_predicts_the_same(name: str, tmp_path: Path) -> None:
    rows, description = rows_for(name), describe(model=name)
    model = assemble(rows.shape[1:], description, PARAMS[name], 0.0, 1.0, "float32")
    save_model(tmp_path / "model.keras", model, description)
    loaded, _ = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(probabilities(loaded, rows), probabilities(model, rows))
