"""Train one fold: everything between rows of features and a finished model."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from pipeline.base.arrays import Array, Rows
from pipeline.base.errors import PipelineError
from pipeline.training.assembly import assemble, statistics
from pipeline.training.batches import Batches, Change
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.optimizer import make_optimizer
from pipeline.training.params import FitParams
from pipeline.training.saved import Description
from pipeline.training.startup import keras

HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class FoldTask:
    """One fold to train.

    Attributes
    ----------
    rows : Rows, shape (n, ...)
        Features of all labelled clips.
    labels : int array, shape (n,)
        Index into `description.genres`.
    train, validation : int array
        Rows of the training part and of the inner validation part.
    content : str
        Hash of those rows, and of which part and genre each has.
    augmented : int array
        Rows of augmented samples: they train as well, but normalisation does not see them.
    change : callable or None
        What happens to rows on their way into training; see `Batches`.
    """

    rows: Rows
    labels: Array
    train: Array
    validation: Array
    params: FitParams
    description: Description
    content: str = ""
    augmented: Array = field(default_factory=lambda: np.empty(0, np.int64))
    change: Change | None = None

    @property
    def fitted(self) -> Array:
        """Numbers of all rows that train."""
        return np.concatenate([self.train, self.augmented])


@dataclass(frozen=True)
class Fitted:
    """A trained model, in float32, and how its training went.

    Attributes
    ----------
    history : list of dict
        `HISTORY` for each epoch.
    seconds : float
        That it took, also before it was killed.
    """

    model: keras.Model
    history: list[dict[str, float]]
    seconds: float


def fit_fold(
    task: FoldTask,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train a fold, from its `checkpoint` on if a killed run left one, with the same result.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        What follows the training without a part in it, such as a progress line.

    Raises
    ------
    PipelineError
        The rows, or the loss on the way, are not finite numbers.
    """
    description = task.description
    mean, variance = statistics(task.rows, task.train)
    if not np.isfinite(mean + variance):
        raise PipelineError(
            f"rows of the feature {description.feature!r} have values that are infinite or not "
            "numbers; compute it anew"
        )
    parts = (task.rows.shape[1:], description, task.params, mean, variance)
    network = assemble(*parts, description.training["precision"])
    _train(network, task, checkpoint, callbacks)
    history = [{name: row[name] for name in HISTORY} for row in checkpoint.history]
    if not np.isfinite([row["loss"] for row in history]).all():
        raise PipelineError(
            f"fold {description.fold}: the loss was not a number in epoch {len(history)}; lower "
            f"models.{description.model}.learning_rate = {task.params.learning_rate}"
        )
    portable = assemble(*parts, "float32")
    portable.set_weights(network.get_weights())
    return Fitted(portable, history, checkpoint.seconds)


def _train(
    network: keras.Model,
    task: FoldTask,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train a new `network`, from the checkpoint on if there is one."""
    params, seed = task.params, task.description.training["seed"]
    with (
        closing(
            Batches(task.rows, task.labels, task.fitted, params.batch_size, seed, task.change)
        ) as training,
        closing(
            Batches(task.rows, task.labels, task.validation, 4 * params.batch_size)
        ) as validation,
    ):
        optimizer = make_optimizer(params, params.epochs * len(training))
        network.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        stopping = early_stopping(params)
        done = checkpoint.restore(network, stopping)
        if done:
            print(f"fold {task.description.fold}: goes on after epoch {done}", flush=True)
        if checkpoint.ended:
            return
        network.fit(
            training,
            validation_data=validation,
            initial_epoch=done,
            epochs=params.epochs,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_begin=training.start_epoch),
                *callbacks,
                keras.callbacks.TerminateOnNaN(),
                *filter(None, [stopping]),
                checkpoint,
            ],
            shuffle=False,  # Keras would shuffle batches by a generator that no checkpoint keeps
            verbose=0,
        )


def early_stopping(params: FitParams) -> keras.callbacks.EarlyStopping | None:
    """Stop when the validation loss has not improved for `patience` epochs; None: never."""
    if not params.patience:
        return None
    return keras.callbacks.EarlyStopping(
        "val_loss", patience=params.patience, restore_best_weights=True
    )
