"""A toy problem: two genres whose rows lie far apart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from helpers import FRAMES, describe, small_experiment

from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fit import FoldTask, fit_fold
from pipeline.training.trained import Fitted

TRAINING = {"seed": 7, "precision": "float32"}
PARAMS = replace(small_experiment().network, learning_rate=0.01)


def toy_task(training: dict[str, Any] | None = None, **changes: Any) -> FoldTask:
    """A task with 40 rows to train on and 20 to validate, and `changes` of its parameters."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    rows = (500 + 400 * labels[:, np.newaxis] + rng.normal(0, 50, (60, FRAMES))).astype(np.float16)
    description = describe(training=training or TRAINING)
    params = replace(PARAMS, **changes)
    return FoldTask(rows, labels, np.arange(40), np.arange(40, 60), params, description)


def fit(task: FoldTask, checkpoint: Path, *callbacks: Any) -> Fitted:
    """Train a task, from its checkpoint if there is one."""
    return fit_fold(task, Checkpoint(checkpoint), callbacks)
