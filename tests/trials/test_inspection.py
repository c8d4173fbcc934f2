"""How fast a network trains: measured for as long as it takes, in processes of their own."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from documents import write_params
from helpers import FRAMES, SAMPLE_RATE, SMALL, saves_models, small_experiment
from project import ROOT, Shell

from pipeline.training import fit
from pipeline.training.fit import FoldTask
from pipeline.training.trained import Fitted
from pipeline.trials import inspection
from pipeline.trials.inspection import clips_per_second

pytestmark = saves_models


@pytest.mark.parametrize("model", ["ann", "linear"])
@pytest.mark.parametrize(("enough", "measured"), [(0.0, [8]), (math.inf, [8, 50])])
def test_it_trains_for_as_long_as_is_needed_and_no_longer_than_an_epoch(
    model: str, enough: float, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def noted(task: FoldTask, *others: Any) -> Fitted:
        trained.append(len(task.train) + len(task.validation))
        return fitting(task, *others)

    fitting = fit.fit_fold
    monkeypatch.setattr(fit, "fit_fold", noted)
    monkeypatch.setattr(inspection, "map_folds", lambda function, folds: list(map(function, folds)))
    monkeypatch.setattr(inspection, "ENOUGH_SECONDS", enough)
    experiment = small_experiment({"model": model, f"models.{model}.batch_size": 8})
    template = np.empty((0, FRAMES), np.float16)
    parts = (model, experiment.network, experiment.train, template)
    assert 0 < clips_per_second(*parts, n_genres=2, clips=50, at_once=1) < math.inf
    assert trained == measured


INSPECT = """
import sys
from pipeline import inspect
inspect.main()
print("keras" in sys.modules)
"""


@pytest.mark.parametrize(("protocol", "estimated"), [("song", True), ("filtered", False)])
def test_an_inspection_measures_what_it_can_and_loads_no_network_itself(
    protocol: str, estimated: bool, project: Path
) -> None:
    for number, genre in enumerate(("blues", "jazz") * 4):
        path = project / "music" / genre / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(number).normal(0, 0.1, 3 * SAMPLE_RATE)
        soundfile.write(path, noise, SAMPLE_RATE)
    write_params(project, {**SMALL, "dataset.path": "music", "split.protocol": protocol})
    printed = Shell(project, PYTHONPATH=str(ROOT)).run("python", "-c", INSPECT)
    train = r"measured here:\n(?:  .*\n)+  train     .* \([1-9]\d* clips/s in each fold\), or"
    assert bool(re.search(train, printed)) == estimated
    assert printed.endswith("False")
