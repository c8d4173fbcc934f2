"""Train one fold: everything between rows of features and a saved model."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from models import MODELS
from models.batches import Batches, Change
from models.checkpoint import Checkpoint
from models.machine import POLICIES, device_for
from models.optimizer import make_optimizer
from models.progress import Progress
from models.saved import Description, save_model
from models.seeds import seeded
from pipeline.errors import PipelineError
from pipeline.model_params import FitParams, ModelParams
from pipeline.rows import Rows

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

    rows: Rows
    labels: Array
    train: Array
    validation: Array
    params: ModelParams
    description: Description
    content: str = ""
    augmented: Array = field(default_factory=lambda: np.empty(0, np.int64))
    change: Change | None = None


@dataclass(frozen=True)
class Fitted:
    """What a training tells besides its model.

    Attributes
    ----------
    history : list of dict
        A row of `HISTORY` for each epoch.
    seconds : float
        That it took, also before it was killed.
    """

    history: list[dict[str, float]]
    seconds: float


def fit_fold(task: FoldTask, path: Path, checkpoint: Path) -> Fitted:
    """Train, and save the model to `path`.

    A `checkpoint` that a killed run left is where the training goes on, with the same result.

    Raises
    ------
    PipelineError
        The rows, or the loss on the way, are no finite numbers.
    """
    keras.utils.clear_session()
    with device_for(task.description.fold):  # not before: with PyTorch the session has the device
        return _fit(task, path, checkpoint)


def _fit(task: FoldTask, path: Path, checkpoint: Path) -> Fitted:
    description, params = task.description, task.params
    mean, variance = statistics(task.rows, task.train)
    _require_finite(mean + variance, description)
    parts = (task.rows.shape[1:], description, params, mean, variance)
    network = assemble(*parts, description.training["precision"])
    keeper = _train(network, task, checkpoint)
    _require_numbers([row["loss"] for row in keeper.history], description, params)
    portable = assemble(*parts, "float32")
    portable.set_weights(network.get_weights())
    save_model(path, portable, description)
    keeper.forget()
    history = [{name: row[name] for name in HISTORY} for row in keeper.history]
    return Fitted(history, keeper.seconds)


def _train(network: keras.Model, task: FoldTask, checkpoint: Path) -> Checkpoint:
    """Train a new `network`, from the checkpoint on if there is one."""
    description, params = task.description, task.params
    train = np.concatenate([task.train, task.augmented])
    seed = description.training["seed"]
    with (
        closing(
            Batches(task.rows, task.labels, train, params.batch_size, seed, task.change)
        ) as fed,
        closing(Batches(task.rows, task.labels, task.validation, 4 * params.batch_size)) as held,
    ):
        optimizer = make_optimizer(params, params.epochs * len(fed))
        network.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        stopping = early_stopping(params)
        keeper = Checkpoint(checkpoint, stopping)
        done = keeper.restore(network)
        if done:
            print(f"fold {description.fold}: goes on after epoch {done}", flush=True)
        if keeper.ended:
            return keeper
        network.fit(
            fed,
            validation_data=held,
            initial_epoch=done,
            epochs=params.epochs,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_begin=fed.start_epoch),
                Progress(description.fold, params.epochs, len(train)),
                keras.callbacks.TerminateOnNaN(),
                *filter(None, [stopping]),
                keeper,
            ],
            shuffle=False,  # Keras would shuffle batches by a generator that no checkpoint keeps
            verbose=0,
        )
    return keeper


def _require_finite(value: float, description: Description) -> None:
    if not np.isfinite(value):
        raise PipelineError(
            f"rows of the feature {description.feature!r} have values that are infinite or no "
            "numbers; compute it anew"
        )


def _require_numbers(losses: list[float], description: Description, params: FitParams) -> None:
    if not np.isfinite(losses).all():
        raise PipelineError(
            f"fold {description.fold}: the loss was no number in epoch {len(losses)}; lower "
            f"models.{description.model}.learning_rate = {params.learning_rate}"
        )


def statistics(rows: Rows, index: Array) -> tuple[float, float]:
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
