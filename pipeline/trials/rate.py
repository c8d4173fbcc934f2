"""How fast a network trains here, measured on a few batches of random rows."""

import time
from functools import partial

import numpy as np

from pipeline.base.parallel import map_folds
from pipeline.base.types import Array
from pipeline.training.network import FitParams

ENOUGH_SECONDS = 1.0  # of training, to tell how fast it is


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
    Neither reading and changing rows nor validation is measured.

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
    """Train for longer and longer, from one batch to all `clips`, until that says enough."""
    from pipeline.base.backend import device_for, resolve
    from pipeline.training.fit import Batches, assemble, make_optimizer
    from pipeline.training.trained import Description

    shape, count = template.shape[1:], min(params.batch_size, clips)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (count, *shape)).astype(template.dtype)
    labels = rng.integers(0, n_genres, count)
    genres = [str(number) for number in range(n_genres)]
    description = Description(model, "", genres, fold, {}, {"seed": 0})
    precision = resolve(precision, fold, needs_float32=params.needs_float32)
    with device_for(fold):
        network = assemble(shape, description, params, 0.0, 1.0, precision)
        network.compile(
            make_optimizer(params, clips),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )

        def train(count: int) -> float:
            index = np.arange(count) % len(rows)
            start = time.perf_counter()
            network.fit(Batches(rows, labels, index, params.batch_size), verbose=0)
            return time.perf_counter() - start

        train(count)  # the first step compiles the network
        while (seconds := train(count)) < ENOUGH_SECONDS and count < clips:
            count = min(clips, 2 * count)
    return seconds / count
