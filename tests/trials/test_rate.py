"""How fast a network trains: measured for as long as it takes, in processes of their own."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from documents import write_params
from helpers import FRAMES, SAMPLE_RATE, SMALL, small_experiment
from project import ROOT, Shell

from pipeline.trials import rate
from pipeline.trials.rate import clips_per_second


@pytest.mark.parametrize(("enough", "counts"), [(0.0, [8, 8]), (math.inf, [8, 8, 16, 32, 50])])
def test_it_trains_for_as_long_as_is_needed_and_no_longer_than_an_epoch(
    enough: float, counts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.training.fit import Batches

    trained = []

    class Noted(Batches):
        def __init__(self, rows: Any, labels: Any, index: Any, batch_size: int) -> None:
            super().__init__(rows, labels, index, batch_size)
            trained.append(len(index))

    monkeypatch.setattr("pipeline.training.fit.Batches", Noted)
    monkeypatch.setattr(rate, "map_folds", lambda function, folds: list(map(function, folds)))
    monkeypatch.setattr(rate, "ENOUGH_SECONDS", enough)
    experiment, template = small_experiment(), np.empty((0, FRAMES), np.float16)
    measured = clips_per_second("ann", experiment.network, "float32", template, 2, 50, 1)
    assert trained == counts
    assert 0 < measured < math.inf


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
