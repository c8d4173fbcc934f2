"""How fast a network trains here, measured on a few batches of random rows."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.base.parallel import map_folds
from pipeline.base.types import Array
from pipeline.training.network import FitParams

ENOUGH_SECONDS = 1.0  # of training, to tell how fast it is
# Batches in an epoch: few of a network so slow that an epoch of them takes LONG_EPOCH seconds.
FEW, MANY = 2, 40
LONG_EPOCH = 0.25


def clips_per_second(
    model: str,
    params: FitParams,
    precision: str,
    template: Array,
    n_genres: int,
    clips: int,
    at_once: int,
) -> float:
    """Measure how many clips a fold is trained on in a second, beside other folds.

    Each fold trains in a process of its own, as it will, so that Keras is not loaded in this one.
    Neither reading rows nor changing them is measured.

    Parameters
    ----------
    model : str
        Name of the network.
    params : FitParams
    precision : str
        As `train.precision` in params.yaml.
    template : array, shape (0, ...)
        With the shape and dtype of the feature's rows.
    n_genres : int
    clips : int
        That a fold is trained on in an epoch: no more of them are measured.
    at_once : int
        The number of folds that train at once.
    """
    measure = partial(_seconds_per_clip, model, params, precision, template, n_genres, clips)
    return float(1 / np.mean(map_folds(measure, range(at_once))))


def _seconds_per_clip(
    model: str,
    params: FitParams,
    precision: str,
    template: Array,
    n_genres: int,
    clips: int,
    fold: int,
) -> float:
    for batches in (FEW, MANY):
        count = max(1, min(batches * params.batch_size, clips))
        seconds = _seconds_of_epoch(model, params, precision, template, n_genres, count, fold)
        if seconds >= LONG_EPOCH:
            break
    return seconds / count


def _seconds_of_epoch(
    model: str,
    params: FitParams,
    precision: str,
    template: Array,
    n_genres: int,
    count: int,
    fold: int,
) -> float:
    """Train a fold of `count` random rows until that says enough."""
    from pipeline.base.backend import device_for, keras, resolve
    from pipeline.training.checkpoint import Checkpoint
    from pipeline.training.fit import FoldTask, fit_fold
    from pipeline.training.trained import Description

    class Clock(keras.callbacks.Callback):
        """Times the epochs after the first, which compiles the network, and ends the training."""

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:  # noqa: ARG002
            if not epoch:
                self.start = time.perf_counter()
                return
            self.seconds = (time.perf_counter() - self.start) / epoch
            self.model.stop_training = self.seconds * epoch >= ENOUGH_SECONDS

    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (count, *template.shape[1:])).astype(template.dtype)
    precision = resolve(precision, fold, needs_float32=params.needs_float32)
    genres, training = [str(each) for each in range(n_genres)], {"seed": 0, "precision": precision}
    task = FoldTask(
        rows=rows,
        labels=rng.integers(0, n_genres, count),
        train=np.arange(count),
        validation=np.arange(max(1, count // 10)),
        params=replace(params, epochs=max(2, params.epochs), patience=0),
        description=Description(model, "", genres, fold, {}, training),
    )
    clock = Clock()
    with device_for(fold), TemporaryDirectory() as folder:
        fit_fold(task, Checkpoint(Path(folder) / "checkpoint.npz"), [clock])
    return clock.seconds
