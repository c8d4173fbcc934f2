"""Models and training on every backend of Keras that is installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

BACKENDS = [
    name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name) is not None
]
TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.fit import FoldTask, fit_fold
from models.saved import Description, load_model, probabilities
from models.startup import keras
from pipeline.params import load_params

folder, model = Path(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
labels = np.arange(60) % 2
rows = (40 + 20 * labels[:, None, None, None] + rng.normal(0, 9, (60, 16, 16, 1))).astype("f2")
params = replace(load_params().models[model], epochs=4, batch_size=8)
training = {"seed": 1, "precision": sys.argv[3]}
description = Description(model, "mel", ["a", "b"], 0, {}, training)
task = FoldTask(rows, labels, np.arange(40), np.arange(40, 60), params, description)
fitted = fit_fold(task, folder / "model.keras", folder / "checkpoint.npz")
np.save(folder / "rows.npy", rows[40:])
network, _ = load_model(folder / "model.keras")
np.save(folder / "chances.npy", probabilities(network, rows[40:]))
first, *_, last = fitted.history
print(json.dumps({"backend": keras.backend.backend(), **last, "first": first["loss"]}))
"""
PREDICT = """
import sys
from pathlib import Path

import numpy as np

from models.saved import load_model, probabilities

folder = Path(sys.argv[1])
network, _ = load_model(folder / "model.keras")
np.save(folder / "again.npy", probabilities(network, np.load(folder / "rows.npy")))
"""


def run(code: str, backend: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_backend_that_cannot_be_had_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.train"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "other"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: Keras does not start with the backend 'other': ")


@pytest.mark.parametrize(("model", "precision"), [("ann", "float32"), ("cnn", "bfloat16")])
@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_trains_and_tensorflow_predicts_the_same(
    backend: str, model: str, precision: str, tmp_path: Path
) -> None:
    told = json.loads(run(TRAIN, backend, str(tmp_path), model, precision).splitlines()[-1])
    assert told["backend"] == backend
    assert told["loss"] < told["first"] / 2
    if model == "ann":  # the averages of the cnn's normalisation take more than four epochs
        assert told["val_accuracy"] > 0.9
    run(PREDICT, "tensorflow", str(tmp_path))
    trained, again = (np.load(tmp_path / name) for name in ("chances.npy", "again.npy"))
    np.testing.assert_allclose(again, trained, atol=1e-4)
