"""Train one fold: from rows of features to a finished model."""

import itertools
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.base.types import Array, Rows
from pipeline.training import newton
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.network import FitParams, build_network
from pipeline.training.trained import Description, Fitted, predict_stored

HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")  # of an epoch
POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}
# Smallest standard deviation of what is not constant, relative to the mean where that exceeds 1.
SMALLEST_SPREAD = 1e-6

Transform = Callable[[Array, Array, int], Array]


@dataclass(frozen=True)
class FoldTask:
    """A fold to be trained.

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
        To be saved with the model.
    data_digest : str
        Hash of these rows, and of the part and genre of each.
    augmented : int array
        Numbers of the rows of augmented samples: trained on, but without a part in normalisation.
    transform : callable or None
        Inline augmentation of the rows that are trained on; see `Batches`.
    transform_sources : tuple of str
        The code of `transform`, as in dvc.yaml.
    balanced : bool
        Whether every genre counts alike in the loss that is trained on.
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
    transform_sources: tuple[str, ...] = ()
    balanced: bool = False

    @property
    def training_rows(self) -> Array:
        """Numbers of all rows that are trained on, those of augmented samples included."""
        return np.concatenate([self.train, self.augmented])

    @property
    def class_weight(self) -> dict[int, float] | None:
        """Weight of each genre's rows, as scikit-learn's `balanced` has it; None if all count 1."""
        if not self.balanced:
            return None
        genres, counts = np.unique(self.labels[self.training_rows], return_counts=True)
        return dict(zip(genres.tolist(), (counts.mean() / counts).tolist(), strict=True))


def fit_fold(
    task: FoldTask,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train a fold, from the `checkpoint` of a killed run if there is one, with the same result.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        They watch the training, such as to print its progress, and do not affect it.

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
    validation = predict_stored(portable, task.rows, task.validation)
    return Fitted(portable, history, checkpoint.seconds, validation)


def assemble(
    shape: tuple[int, ...],
    description: Description,
    params: FitParams,
    mean: Array | float,
    variance: Array | float,
    precision: str,
) -> keras.Model:
    """Assemble an uncompiled model: feature rows -> normalised -> network -> probabilities.

    Parameters
    ----------
    shape : tuple of int
        Of a feature row.
    description : Description
        Names the network and the genres, and has the seed of the weights.
    params : FitParams
        Of the network.
    mean, variance : float or float64 array of shape (values,)
        As `statistics` gives them.
    precision : str
        A key of POLICIES. Normalisation and probabilities are float32 all the same.
    """
    keras.config.set_dtype_policy(POLICIES[precision])
    built = build_network(description.model, shape, len(description.genres), params)
    network = seeded(built, description.training["seed"])
    normalise = keras.layers.Normalization(
        axis=-1 if np.ndim(mean) else None,
        mean=mean,
        variance=variance,
        dtype="float32",
        name="normalise",
    )
    return keras.Sequential([keras.Input(shape), normalise, network], name="genre_model")


def statistics(rows: Rows, index: Array, *, by_value: bool = False) -> tuple[Array, Array]:
    """Mean and variance in the rows `index`, with a few rows in memory at a time.

    What is constant in these rows gets a variance of 1, so that it is centred but not scaled: the
    network cannot learn anything from it, and must not see it enlarged in other rows.

    Parameters
    ----------
    rows : array, shape (n, ...)
        Any numeric dtype.
    index : int array, shape (m,)
    by_value : bool
        Whether each value of a row, as of a vector, has a mean and a variance of its own; otherwise
        all values of all rows share one.

    Returns
    -------
    mean, variance : float64 array, shape (values,) or ()
        Not finite where the rows are not.
    """
    axis = 0 if by_value else None
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for part in np.array_split(index, len(index) // 256 + 1):
        block = rows[part].astype(np.float64)
        count += len(block) if by_value else block.size
        total = total + block.sum(axis=axis)
        squares = squares + (block**2).sum(axis=axis)
    mean = total / count
    with np.errstate(invalid="ignore"):  # of infinite rows, which the caller refuses
        variance = squares / count - mean**2
        constant = variance <= (SMALLEST_SPREAD * np.maximum(1, np.abs(mean))) ** 2
    return mean, np.where(constant, 1.0, variance)


def make_optimizer(params: FitParams, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a training of `steps` batches.

    SGD has Nesterov momentum. AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization",
    2019) does not decay biases, nor the scales and offsets of batch normalisation.
    """
    rate = make_schedule(params, steps)
    if params.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if params.optimizer == "adamw":
        adamw = keras.optimizers.AdamW(rate, weight_decay=params.weight_decay)
        adamw.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return adamw
    return keras.optimizers.SGD(rate, momentum=params.momentum, nesterov=params.momentum > 0)


def make_schedule(
    params: FitParams, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule | float:
    """Learning rate of each step.

    Returns
    -------
    float or schedule
        ``inverse_time``: learning_rate / (1 + decay * step), the classical decay.
        ``cosine``: linearly from 0 to learning_rate over the share `warmup` of the steps, then
        along half a cosine to 0 (Loshchilov & Hutter, "SGDR", 2017, without restarts; with
        the warm-up it is the course of Smith's "1cycle", 2018, with the momentum kept).
    """
    if params.schedule == "cosine":
        rising = min(round(params.warmup * steps), steps - 1)
        if not rising:
            return keras.optimizers.schedules.CosineDecay(params.learning_rate, steps)
        return keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=params.learning_rate, warmup_steps=rising
        )
    if not params.decay:
        return params.learning_rate
    return keras.optimizers.schedules.InverseTimeDecay(params.learning_rate, 1, params.decay)


def early_stopping(params: FitParams) -> keras.callbacks.EarlyStopping | None:
    """Stop after `patience` epochs without a better validation loss; None where that is 0."""
    if not params.patience:
        return None
    return keras.callbacks.EarlyStopping(
        "val_loss", patience=params.patience, restore_best_weights=True
    )


class Batches(keras.utils.PyDataset):
    """Batches of rows and integer labels for `fit`, `evaluate` and `predict`.

    Batches differ in size by at most one row. A last batch of only two rows would count as a full
    step, and batch normalisation would turn each of its values into -1 or 1.

    Rows come as float32, or as float16, which the network casts faster than NumPy does.

    Parameters
    ----------
    rows : array, shape (n, ...)
        Any dtype; may lie on the disk, and is never copied whole. If it has a method `prefetch`,
        this is called with the row numbers of the next batch.
    labels : int array, shape (n,)
    index : int array, shape (m,)
        Numbers of the rows to use.
    batch_size : int
        The most rows in a batch.
    seed : int or None
        Seed of the order, which differs from epoch to epoch; None keeps the order of `index`.
    transform : callable or None
        Inline augmentation: (rows, their numbers, epoch) -> rows.
    """

    def __init__(
        self,
        rows: Any,
        labels: Array,
        index: Array,
        batch_size: int,
        seed: int | None = None,
        transform: Transform | None = None,
    ) -> None:
        super().__init__()
        self._rows, self._labels, self._index = rows, labels, index
        self._batch_size = batch_size
        self._seed, self._order = seed, index
        self._transform = transform
        self._prefetch = getattr(rows, "prefetch", None)
        self.start_epoch(0)

    def __len__(self) -> int:
        return -(-len(self._index) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[Array, Array]:
        if self._prefetch:
            self._prefetch(self._numbers(batch + 1))
        numbers = self._numbers(batch)
        rows = self._rows[numbers]
        if self._transform:
            rows = self._transform(rows, numbers, self._epoch)
        if rows.dtype != np.float16:
            rows = rows.astype(np.float32, copy=False)
        return rows, self._labels[numbers]

    def _numbers(self, batch: int) -> Array:
        start, stop = (len(self._order) * each // len(self) for each in (batch, batch + 1))
        return self._order[start:stop]

    def close(self) -> None:
        """Drop the references to the rows, and so to the files behind them.

        TensorFlow never lets go of an object that it drew batches from.
        """
        self._rows = self._transform = self._prefetch = None

    def start_epoch(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Take the order of an epoch, which follows from the seed and the epoch's number alone."""
        self._epoch = epoch
        if self._seed is not None:
            rng = np.random.default_rng([self._seed, epoch])
            self._order = rng.permutation(self._index)


def _train(
    network: keras.Model,
    task: FoldTask,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train a new `network`, from the checkpoint if there is one."""
    params, seed = task.params, task.description.training["seed"]
    by_newton = params.optimizer == "newton"
    data, size = (task.rows, task.labels), params.batch_size
    order = None if by_newton else seed
    training = Batches(*data, task.training_rows, size, order, task.transform)
    validation = Batches(*data, task.validation, 4 * size)
    with closing(training), closing(validation):
        if not by_newton:
            optimizer = make_optimizer(params, params.epochs * len(training))
            optimizer.build(network.trainable_variables)
            network.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        stopping = early_stopping(params)
        done = checkpoint.restore(network, stopping)
        if done:
            print(f"fold {task.description.fold}: continues after epoch {done}", flush=True)
        if checkpoint.ended:
            return
        watching = [
            keras.callbacks.LambdaCallback(on_epoch_begin=training.start_epoch),
            *callbacks,
            keras.callbacks.TerminateOnNaN(),
            *filter(None, [stopping]),
            checkpoint,
        ]
        if by_newton:
            newton.fit(
                network,
                training,
                validation,
                epochs=range(done, params.epochs),
                class_weight=task.class_weight,
                changing=task.transform is not None,
                callbacks=watching,
            )
        else:
            network.fit(
                training,
                validation_data=validation,
                initial_epoch=done,
                epochs=params.epochs,
                callbacks=watching,
                class_weight=task.class_weight,
                shuffle=False,  # Keras would shuffle batches by a generator in no checkpoint
                verbose=0,
            )


def seeded(network: keras.Model, seed: int) -> keras.Model:
    """Build `network` anew, so that its initial weights and dropout follow from `seed`."""
    numbers = itertools.count()

    def fill(item: dict[str, Any]) -> dict[str, Any]:
        if item.get("seed", 0) is None:
            state = np.random.SeedSequence([seed, next(numbers)]).generate_state(1)
            item["seed"] = int(state[0] >> 1)
        return item

    return keras.models.model_from_json(json.dumps(json.loads(network.to_json(), object_hook=fill)))
