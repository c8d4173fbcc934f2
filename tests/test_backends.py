"""Every network on every backend of Keras that is installed."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import saves_models
from project import ROOT, Shell

from pipeline.prediction.ensemble import load_model
from pipeline.training.network import network_names
from pipeline.training.trained import probabilities

BACKENDS = [
    name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name) is not None
]
# Trains every network in the folder of the first argument, and saves what each predicts.
TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from documents import changed_document
from pipeline.training.checkpoint import Checkpoint
from pipeline.check import parse_models
from pipeline.training.fit import FoldTask, fit_fold
from pipeline.prediction.ensemble import load_model
from pipeline.training.trained import Description, probabilities, save_model
from pipeline.base.backend import keras

folder, precisions = Path(sys.argv[1]), sys.argv[2].split(",")
rng = np.random.default_rng(0)
labels = np.arange(48) % 2
rows = (40 + 20 * labels[:, None, None, None] + rng.normal(0, 9, (48, 16, 16, 1))).astype("f2")
np.save(folder / "rows.npy", rows[32:])
COMMON = {"optimizer": "adam", "learning_rate": 0.003, "schedule": "cosine", "decay": 0}
COMMON |= {"warmup": 0.2, "momentum": 0, "epochs": 32, "batch_size": 8, "patience": 0}
NARROW = {"models.cnn_padded.filters": [4, 8], "models.cnn_padded.kernel": 3}
losses = {}
for number, (name, params) in enumerate(parse_models(changed_document(NARROW)).items()):
    training = {"seed": 1, "precision": precisions[number % 2]}
    description = Description(name, "mel", ["a", "b"], 0, {}, training)
    params = replace(params, **COMMON)
    task = FoldTask(rows, labels, np.arange(32), np.arange(32, 48), params, description)
    fitted = fit_fold(task, Checkpoint(folder / f"{name}.npz"))
    save_model(folder / f"{name}.keras", fitted.model, description)
    network, _ = load_model(folder / f"{name}.keras")
    np.save(folder / f"{name}.npy", probabilities(network, rows[32:]))
    losses[name] = [row["loss"] for row in fitted.history]
print(json.dumps({"backend": keras.backend.backend(), "losses": losses}))
"""


def run(backend: str, *arguments: str, status: int = 0, **variables: str) -> str:
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    shell = Shell(ROOT, KERAS_BACKEND=backend, PYTHONPATH=paths, **variables)
    return shell.run("python", *arguments, status=status)


def test_backend_that_is_not_installed_is_an_error_of_one_line() -> None:
    [line] = run("other", "-m", "pipeline.train", status=1).splitlines()
    assert line.startswith("error: Keras does not start with the backend 'other': ")


@pytest.fixture(scope="module", params=BACKENDS)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """The folder in which a backend has trained all networks, and what it reported."""
    folder = tmp_path_factory.mktemp("trained")
    output = run(request.param, "-c", TRAIN, str(folder), "float32,bfloat16")
    report = json.loads(output.splitlines()[-1])
    assert report["backend"] == request.param
    return folder, report


@saves_models
@pytest.mark.parametrize("name", network_names())
def test_network_learns_on_a_backend_and_predicts_the_same_on_another(
    name: str, trained: tuple[Path, dict[str, Any]]
) -> None:
    folder, report = trained
    losses = report["losses"][name]
    assert losses[-1] < 0.5 * losses[0]  # in 128 steps, whatever the network
    network, _ = load_model(folder / f"{name}.keras")
    again = probabilities(network, np.load(folder / "rows.npy"))
    np.testing.assert_allclose(again, np.load(folder / f"{name}.npy"), atol=1e-4)


STEP = """
import hashlib
import numpy as np
from pipeline.base.backend import keras

rng = np.random.default_rng(0)
convolution = keras.layers.Conv2D(16, 7, kernel_initializer=keras.initializers.GlorotNormal(0))
network = keras.Sequential([keras.Input((32, 32, 8)), convolution])
network.compile("sgd", "mse")
network.train_on_batch(rng.normal(size=(8, 32, 32, 8)), rng.normal(size=(8, 26, 26, 16)))
print(hashlib.sha256(network.get_weights()[0]).hexdigest())
"""


def test_bits_do_not_depend_on_whether_the_user_turns_onednn_off() -> None:
    first, second = (
        run("tensorflow", "-c", STEP, TF_ENABLE_ONEDNN_OPTS=choice).splitlines()[-1]
        for choice in ("0", "1")
    )
    assert first == second
