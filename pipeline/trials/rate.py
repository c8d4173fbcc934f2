"""How fast a network trains here, measured on a few batches of random rows."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.base.parallel import map_folds
from pipeline.base.types import Array
from pipeline.training.network import FitParams, TrainParams

ENOUGH_SECONDS = 1.0  # of an epoch, to tell how fast it is


def clips_per_second(
    model: str,
    params: FitParams,
    train: TrainParams,
    template: Array,
    n_genres: int,
    clips: int,
    at_once: int,
) -> float:
    """Measure how many clips a fold goes through in a second, beside other folds.

    Each fold trains in a process of its own, as it will, so that Keras is not loaded in this one.
    Neither the first epoch, which compiles the network, nor inline augmentation is measured.

    Parameters
    ----------
    model : str
        Name of the network.
    params : FitParams
    train : TrainParams
    template : array, shape (0, ...)
        With the shape and dtype of the feature's rows.
    n_genres : int
    clips : int
        The number in an epoch of a fold, those of its inner validation among them: no more of
        them are measured.
    at_once : int
        The number of folds that train at once.
    """
    measure = partial(_seconds_per_clip, model, params, train, template, n_genres, clips)
    return float(1 / np.mean(map_folds(measure, range(at_once))))


def _seconds_per_clip(
    model: str,
    params: FitParams,
    train: TrainParams,
    template: Array,
    n_genres: int,
    clips: int,
    fold: int,
) -> float:
    """Train on one batch, and on more of them until an epoch is long enough, or has all `clips`."""
    from pipeline.base.backend import device_for, keras, resolve
    from pipeline.training.checkpoint import Checkpoint
    from pipeline.training.fit import FoldTask, fit_fold
    from pipeline.training.trained import Description

    count = min(params.batch_size, clips)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (count, *template.shape[1:])).astype(template.dtype)
    labels = rng.integers(0, n_genres, count)
    precision = resolve(train.precision, fold, needs_float32=params.needs_float32)
    genres = [str(number) for number in range(n_genres)]
    by = {"seed": 0, "precision": precision}
    description = Description(model, "noise", genres, fold, store={}, training=by)

    def seconds_of_epoch(count: int) -> float:
        index = np.arange(count) % len(rows)
        training, validation = np.split(index, [-max(1, round(train.validation * count))])
        once_more = replace(params, epochs=2)
        task = FoldTask(rows, labels, training, validation, once_more, description)
        times: list[float] = []

        def note(*_: object) -> None:
            times.append(time.perf_counter())

        noting = keras.callbacks.LambdaCallback(on_epoch_begin=note, on_train_end=note)
        with TemporaryDirectory() as folder, device_for(fold):
            fit_fold(task, Checkpoint(Path(folder, "state.npz")), [noting])
        return times[-1] - times[1]

    while (seconds := seconds_of_epoch(count)) < ENOUGH_SECONDS / 2 and count < clips:
        count = int(min(clips, count * ENOUGH_SECONDS / seconds))
    return seconds / count
