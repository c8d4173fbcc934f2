"""Tasks: a toy problem, two genres whose rows lie far apart, and those of the small project."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import FRAMES, describe, labelled_tracks, small_experiment

from pipeline.base.files import AUGMENTED, FEATURE_STORES
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack
from pipeline.training import cross_validation, trained
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fit import HISTORY, FoldTask, fit_fold
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


def load(tracks: Sequence[FoldedTrack] | None = None) -> LabelledClips:
    """The clips of tracks, by default of all, of the small project in the working directory."""
    return load_labelled(FEATURE_STORES / "centroid", tracks or labelled_tracks())


def tasks_of(
    changes: Mapping[str, Any] | None = None,
    tracks: Sequence[FoldedTrack] | None = None,
    folder: Path = AUGMENTED,
    **clips: Any,
) -> list[FoldTask]:
    """Tasks of that project, with `changes` of its parameters and some of its `clips`."""
    known = tracks or labelled_tracks()
    loaded = replace(load(known), **clips)
    return cross_validation.make_tasks(small_experiment(changes), known, loaded, folder)


def train_in_appearance(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have folds train in appearance only; return the list of those that do from here on."""
    folds: list[int] = []

    def fit(task: FoldTask, *_: object) -> Fitted:
        folds.append(task.description.fold)
        history = [dict.fromkeys(HISTORY, 0.5), dict.fromkeys(HISTORY, 0.25)]
        chances = np.tile([0.25, 0.75 - folds[-1] / 2], (len(task.validation), 1))
        return Fitted(f"model of {folds[-1]}", history, 1.0, chances)

    monkeypatch.setattr(cross_validation, "fit_fold", fit)
    monkeypatch.setattr(trained, "save_model", lambda path, model, _: path.write_text(model))
    return folds


def fit(task: FoldTask, checkpoint: Path, *callbacks: Any) -> Fitted:
    """Train a task, from its checkpoint if there is one."""
    return fit_fold(task, Checkpoint(checkpoint), callbacks)
