"""Train one fold: everything between rows of features and a saved model."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from models import MODELS
from models.batches import Batches, Change
from models.checkpoint import Checkpoint
from models.machine import POLICIES
from models.optimizer import make_optimizer
from models.progress import Progress
from models.saved import Description, save_model
from models.seeds import seeded
from pipeline.errors import PipelineError
from pipeline.model_params import FitParams, ModelParams

Array = npt.NDArray[Any]

HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class FoldTask:
    """One fold to train.

    Attributes
    ----------
    rows : array or StoredRows, shape (n, ...)
        Features of all labelled clips.
    labels : int array, shape (n,)
        Index into `description.genres`.
    train, validation : int array
        Rows of the training part and of the inner validation part.
    content : str
        Hash of those rows, and of which part and genre each has.
    augmented : int array
        Rows that train as well, and tell nothing of what is normal.
    change : callable or None
        What happens to rows on their way into training; see `Batches`.
    """

    rows: Any
    labels: Array
    train: Array
    validation: Array
    params: ModelParams
    description: Description
    content: str = ""
    augmented: Array = field(default_factory=lambda: np.empty(0, np.int64))
    change: Change | None = None


def fit_fold(task: FoldTask, path: Path, checkpoint: Path) -> list[dict[str, float]]:
    """Train, save the model to `path`, and return a row of `HISTORY` for each epoch.

    A `checkpoint` that a killed run left is where the training goes on, with the same result.
    """
    description, params = task.description, task.params
    seed = description.training["seed"]
    precision = description.training["precision"]
    keras.utils.clear_session()
    mean, variance = statistics(task.rows, task.train)
    network = assemble(task.rows.shape[1:], description, params, mean, variance, precision)
    train = np.concatenate([task.train, task.augmented])
    batches = Batches(task.rows, task.labels, train, params.batch_size, seed, task.change)
    optimizer = make_optimizer(params, params.epochs * len(batches))
    network.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    stopping = early_stopping(params)
    keeper = Checkpoint(checkpoint, stopping)
    done = keeper.restore(network)
    chosen = [
        keras.callbacks.LambdaCallback(on_epoch_begin=batches.start_epoch),
        Progress(description.fold, params.epochs, len(train)),
        keras.callbacks.TerminateOnNaN(),
        *filter(None, [stopping]),
        keeper,
    ]
    network.fit(
        batches,
        validation_data=Batches(task.rows, task.labels, task.validation, 4 * params.batch_size),
        initial_epoch=done,
        epochs=params.epochs,
        callbacks=chosen,
        shuffle=False,  # Keras would shuffle batches by a generator that no checkpoint keeps
        verbose=0,
    )
    _require_numbers([row["loss"] for row in keeper.history], description, params)
    portable = assemble(task.rows.shape[1:], description, params, mean, variance, "float32")
    portable.set_weights(network.get_weights())
    save_model(path, portable, description)
    keeper.forget()
    return [{name: row[name] for name in HISTORY} for row in keeper.history]


def _require_numbers(losses: list[float], description: Description, params: FitParams) -> None:
    if not np.isfinite(losses).all():
        raise PipelineError(
            f"fold {description.fold}: the loss was no number in epoch {len(losses)}; lower "
            f"models.{description.model}.learning_rate = {params.learning_rate}"
        )


def statistics(rows: Any, index: Array) -> tuple[float, float]:
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
    built = MODELS[description.model](shape, len(description.genres), params)
    network = seeded(built, description.training["seed"])
    normalise = keras.layers.Normalization(
        axis=None, mean=mean, variance=variance, dtype="float32", name="normalise"
    )
    return keras.Sequential([keras.Input(shape), normalise, network], name="genre_model")


def early_stopping(params: FitParams) -> keras.callbacks.EarlyStopping | None:
    """Stop when the validation loss has not improved for `patience` epochs; None: never."""
    if not params.patience:
        return None
    return keras.callbacks.EarlyStopping(
        "val_loss", patience=params.patience, restore_best_weights=True
    )
