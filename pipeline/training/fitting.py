"""Train one fold: from rows of features to a finished model."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from pipeline.base.arrays import Array, Rows
from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.training.assembly import assemble, statistics
from pipeline.training.batches import Batches, Transform
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.optimizer import make_optimizer
from pipeline.training.params import FitParams
from pipeline.training.saved import Description

HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class FoldTask:
    """One fold to train.

    Attributes
    ----------
    rows : Rows, shape (n, ...)
        Features of all labelled clips, and of augmented samples.
    labels : int array, shape (n,)
        Index into `description.genres`.
    train, validation : int array
        Numbers of the rows of the training part and of the inner validation part.
    params : FitParams
    description : Description
        What the model will say of itself.
    data_digest : str
        Hash of these rows, and of the part and genre of each.
    augmented : int array
        Numbers of the rows of augmented samples: they train, but take no part in normalisation.
    transform : callable or None
        Inline augmentation of the rows that train; see `Batches`.
    """

    rows: Rows
    labels: Array
    train: Array
    validation: Array
    params: FitParams
    description: Description
    data_digest: str = ""
    augmented: Array = field(default_factory=lambda: np.empty(0, np.int64))
    transform: Transform | None = None

    @property
    def training_rows(self) -> Array:
        """Numbers of all rows that train."""
        return np.concatenate([self.train, self.augmented])


@dataclass(frozen=True)
class Fitted:
    """A trained model, in float32, and how its training went.

    Attributes
    ----------
    model : keras.Model
    history : list of dict
        The values named in `HISTORY`, for each epoch.
    seconds : float
        How long training took, including a part before the run was killed.
    """

    model: keras.Model
    history: list[dict[str, float]]
    seconds: float


def fit_fold(
    task: FoldTask,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train a fold, from the `checkpoint` of a killed run if there is one, with the same result.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        They watch the training and do not affect it, such as a progress line.

    Raises
    ------
    PipelineError
        The rows, or the losses of an epoch, are not finite numbers.
    """
    description = task.description
    by_value = bool(description.store.get("vector"))
    mean, variance = statistics(task.rows, task.train, by_value=by_value)
    if not np.isfinite(mean + variance).all():
        raise PipelineError(
            f"the feature {description.feature!r} has values that are infinite or not numbers; "
            "check its parameters, and compute it again"
        )
    parts = (task.rows.shape[1:], description, task.params, mean, variance)
    network = assemble(*parts, description.training["precision"])
    _train(network, task, checkpoint, callbacks)
    history = [{name: row[name] for name in HISTORY} for row in checkpoint.history]
    for epoch, row in enumerate(history, start=1):
        if not np.isfinite([row["loss"], row["val_loss"]]).all():
            raise PipelineError(
                f"fold {description.fold}: the loss was not a number in epoch {epoch}; lower "
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
    """Train a new `network`, from the checkpoint if there is one."""
    params, seed = task.params, task.description.training["seed"]
    data, size = (task.rows, task.labels), params.batch_size
    training = Batches(*data, task.training_rows, size, seed, task.transform)
    validation = Batches(*data, task.validation, 4 * size)
    with closing(training), closing(validation):
        optimizer = make_optimizer(params, params.epochs * len(training))
        network.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        stopping = early_stopping(params)
        done = checkpoint.restore(network, stopping)
        if done:
            print(f"fold {task.description.fold}: continues after epoch {done}", flush=True)
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
            shuffle=False,  # Keras would shuffle batches by a generator that is in no checkpoint
            verbose=0,
        )


def early_stopping(params: FitParams) -> keras.callbacks.EarlyStopping | None:
    """Stops after `patience` epochs without a better validation loss; None where that is 0."""
    if not params.patience:
        return None
    return keras.callbacks.EarlyStopping(
        "val_loss", patience=params.patience, restore_best_weights=True
    )
