"""Train one fold: everything between rows of features and a saved model."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from models import MODELS
from models.batches import Batches
from models.precision import POLICIES
from models.saved import Description, save_model
from pipeline.errors import PipelineError
from pipeline.params import FitParams, ModelParams

Array = npt.NDArray[Any]

HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")
REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class FoldTask:
    """One fold to train.

    Attributes
    ----------
    rows : array, shape (n, ...)
        Features of all labelled clips.
    labels : int array, shape (n,)
        Index into `description.genres`.
    train, validation : int array
        Rows of the training part and of the inner validation part.
    """

    rows: Array
    labels: Array
    train: Array
    validation: Array
    params: ModelParams
    description: Description
    path: Path


def fit_fold(task: FoldTask) -> list[dict[str, float]]:
    """Train, save the model to `task.path`, and return a row of `HISTORY` for each epoch."""
    description, params = task.description, task.params
    seed = description.training["seed"]
    precision = description.training["precision"]
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    mean, variance = statistics(task.rows, task.train)
    network = assemble(task.rows.shape[1:], description, params, mean, variance, precision)
    network.compile(
        make_optimizer(params), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = network.fit(
        Batches(task.rows, task.labels, task.train, params.batch_size, seed),
        validation_data=Batches(task.rows, task.labels, task.validation, 4 * params.batch_size),
        epochs=params.epochs,
        callbacks=callbacks(params, description.fold, len(task.train)),
        verbose=0,
    ).history
    _require_numbers(history["loss"], description, params)
    portable = assemble(task.rows.shape[1:], description, params, mean, variance, "float32")
    portable.set_weights(network.get_weights())
    save_model(task.path, portable, description)
    return [
        dict(zip(HISTORY, values, strict=True))
        for values in zip(*(history[name] for name in HISTORY), strict=True)
    ]


def _require_numbers(losses: list[float], description: Description, params: FitParams) -> None:
    if not np.isfinite(losses).all():
        raise PipelineError(
            f"fold {description.fold}: the loss was no number in epoch {len(losses)}; lower "
            f"models.{description.model}.learning_rate = {params.learning_rate}"
        )


def statistics(rows: Array, index: Array) -> tuple[float, float]:
    """Mean and variance over all values of the rows `index`, a few rows in memory at a time."""
    count, total, squares = 0, 0.0, 0.0
    for part in np.array_split(index, len(index) // 256 + 1):
        block = rows[part].astype(np.float64)
        count += block.size
        total += float(block.sum())
        squares += float((block**2).sum())
    mean = total / count
    return mean, max(squares / count - mean**2, 1e-12)


def assemble(
    shape: tuple[int, ...],
    description: Description,
    params: ModelParams,
    mean: float,
    variance: float,
    precision: str,
) -> keras.Model:
    """Uncompiled model: raw feature rows -> normalised -> the network -> probabilities."""
    keras.config.set_dtype_policy(POLICIES[precision])
    network = MODELS[description.model](shape, len(description.genres), params)
    normalise = keras.layers.Normalization(
        axis=None, mean=mean, variance=variance, dtype="float32", name="normalise"
    )
    return keras.Sequential([keras.Input(shape), normalise, network], name="genre_model")


def make_optimizer(params: FitParams) -> keras.optimizers.Optimizer:
    """Adam, or SGD with Nesterov momentum; learning rate / (1 + decay * step)."""
    rate: Any = params.learning_rate
    if params.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(rate, 1, params.decay)
    if params.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    return keras.optimizers.SGD(rate, momentum=params.momentum, nesterov=params.momentum > 0)


def callbacks(params: FitParams, fold: int, clips: int) -> list[keras.callbacks.Callback]:
    """Progress, a stop on what is not a number, and early stopping where it is asked for."""
    chosen = [Progress(fold, params.epochs, clips), keras.callbacks.TerminateOnNaN()]
    if params.patience:
        chosen.append(
            keras.callbacks.EarlyStopping(
                "val_loss", patience=params.patience, restore_best_weights=True
            )
        )
    return chosen


class Progress(keras.callbacks.Callback):
    """A line every few seconds: epoch, accuracy, clips a second, time left at the most."""

    def __init__(self, fold: int, epochs: int, clips: int) -> None:
        super().__init__()
        self._fold, self._epochs, self._clips = fold, epochs, clips

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._start = self._reported = time.monotonic()
        self._done = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Report, unless it was done a moment ago."""
        self._done = epoch + 1
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            left = self._clips * (self._epochs - self._done) / self._rate()
            self._report(logs, f"at most {left:.0f} s left")

    def on_train_end(self, logs: dict[str, float]) -> None:
        """Report the last epoch, be it the last allowed or not."""
        self._report(logs, f"done in {time.monotonic() - self._start:.0f} s")

    def _rate(self) -> float:
        return self._clips * self._done / (time.monotonic() - self._start)

    def _report(self, logs: dict[str, float], end: str) -> None:
        self._reported = time.monotonic()
        print(
            f"fold {self._fold}: epoch {self._done}/{self._epochs}, "
            f"accuracy {logs['accuracy']:.2f}, validation {logs['val_accuracy']:.2f}, "
            f"{self._rate():.0f} clips/s, {end}",
            flush=True,
        )
