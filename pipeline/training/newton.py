"""Newton's method, for the network whose loss is convex: the logistic regression `linear`.

An epoch is one iteration of scipy's Newton-CG (Nocedal & Wright, "Numerical Optimization", 2006,
algorithm 7.1), whose step conjugate gradients find in a few passes over the rows. Nothing but the
weights is carried into the next epoch, so that a training stops and resumes as any other.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from pipeline.base.backend import keras
from pipeline.base.types import Array

IN_MEMORY = 1 << 29  # bytes of normalised rows that are kept; more are read again in each pass

Block = tuple[Array, Array]  # normalised rows and their labels


class Blocks:
    """Blocks of normalised, flat rows in float32, each row with a 1 after its values for the bias.

    Parameters
    ----------
    batches : sequence of (rows, labels)
        Rows of shape (m, ...).
    network : keras.Model
        Its layer `normalise` normalises them.
    """

    def __init__(self, batches: Sequence[Block], network: keras.Model) -> None:
        self._batches, self._normalise = batches, network.get_layer("normalise")
        self._kept: list[Block] = []

    def __iter__(self) -> Iterator[Block]:
        if self._kept:
            yield from self._kept
            return
        kept, size = list[Block](), 0
        for number in range(len(self._batches)):
            rows, labels = self._batches[number]
            flat = keras.ops.convert_to_numpy(self._normalise(rows)).reshape(len(rows), -1)
            block = np.column_stack([flat, np.ones(len(flat), np.float32)]), labels
            yield block
            size += block[0].nbytes
            if size <= IN_MEMORY:
                kept.append(block)
        if len(kept) == len(self._batches):
            self._kept = kept

    def forget(self) -> None:
        """Read the rows anew, as those of another epoch differ."""
        self._kept = []

    def scores(self, weights: Array, of_genre: Array) -> tuple[float, float]:
        """Mean cross-entropy and accuracy with `weights`, as `Objective` has them."""
        loss, right, count = 0.0, 0, 0
        for rows, labels in self:
            found = log_softmax(rows @ weights.astype(np.float32), axis=1)
            loss -= (of_genre[labels] * _of(labels, found)).sum(dtype=np.float64)
            right += int((found.argmax(axis=1) == labels).sum())
            count += len(labels)
        return loss / count, right / count


class Objective:
    """Mean cross-entropy of the rows plus `l2` * sum(kernel^2), and its derivatives.

    Weights are float64 of the shape (values + 1, genres), the bias in the last row; scipy has them
    flat. `of_genre`, float32, shape (genres,), is how much a row of each genre counts.
    """

    def __init__(self, blocks: Blocks, shape: tuple[int, ...], l2: float, of_genre: Array) -> None:
        self._blocks, self._shape, self._l2, self._of_genre = blocks, shape, l2, of_genre

    def __call__(self, flat: Array) -> tuple[float, Array]:
        """The value at some weights, and its gradient."""
        weights = flat.reshape(self._shape)
        loss, count, gradient = 0.0, 0, np.zeros(self._shape)
        self._probabilities = []
        for rows, labels in self._blocks:
            found = log_softmax(rows @ weights.astype(np.float32), axis=1)
            counts = self._of_genre[labels]
            loss -= (counts * _of(labels, found)).sum(dtype=np.float64)
            count += len(labels)
            error = np.exp(found)
            self._probabilities.append(error.copy())
            error[np.arange(len(labels)), labels] -= 1
            error *= counts[:, np.newaxis]
            gradient += rows.T @ error
        self._count = count
        value = loss / count + self.penalty(weights)
        return value, self._with_penalty(gradient, weights)

    def penalty(self, weights: Array) -> float:
        """The penalty on the kernel."""
        return float(self._l2 * (weights[:-1] ** 2).sum())

    def hessian_times(self, _: Array, flat: Array) -> Array:
        """The Hessian where the value was taken last, which is where Newton-CG asks for it."""
        vector = flat.reshape(self._shape)
        product = np.zeros(self._shape)
        for (rows, labels), shares in zip(self._blocks, self._probabilities, strict=True):
            change = rows @ vector.astype(np.float32)
            change -= (shares * change).sum(axis=1, keepdims=True)
            product += rows.T @ (self._of_genre[labels, np.newaxis] * shares * change)
        return self._with_penalty(product, vector)

    def _with_penalty(self, total: Array, weights: Array) -> Array:
        total /= self._count
        total[:-1] += 2 * self._l2 * weights[:-1]
        return total.ravel()


def fit(
    network: keras.Model,
    training: Sequence[Block],
    validation: Sequence[Block],
    *,
    epochs: range,
    class_weight: Mapping[int, float] | None,
    changing: bool,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train a network of the layers `normalise` and `linear`, as Keras' `fit` would.

    Parameters
    ----------
    training, validation : sequence of (rows, labels)
        In the same order in each epoch, as the order decides the last digits.
    epochs : range
        Those that are left.
    class_weight : mapping, optional
        How much the rows of each genre count in training.
    changing : bool
        Whether rows that are trained on differ from epoch to epoch.
    callbacks : sequence of keras.callbacks.Callback
        Those of batches are not called.
    """
    seen, unseen = Blocks(training, network), Blocks(validation, network)
    watching = keras.callbacks.CallbackList(
        callbacks, model=network, epochs=epochs.stop, steps=len(training)
    )
    regularizer = network.get_layer("linear").layers[-1].kernel_regularizer
    l2 = float(regularizer.l2) if regularizer else 0.0
    of_genre = alike = np.ones(network.output_shape[-1], np.float32)
    if class_weight:
        of_genre = np.array([class_weight.get(g, 1.0) for g in range(len(alike))], np.float32)
    logs: dict[str, float] = {}
    network.stop_training = False
    watching.on_train_begin()
    for epoch in epochs:
        watching.on_epoch_begin(epoch)
        if changing:
            seen.forget()
        kernel, bias = network.get_weights()
        start = np.vstack([kernel, bias]).astype(np.float64)
        objective = Objective(seen, start.shape, l2, of_genre)
        step = {"maxiter": 1, "xtol": 0.0}
        found = minimize(
            objective,
            start.ravel(),
            method="Newton-CG",
            jac=True,
            hessp=objective.hessian_times,
            options=step,
        )
        weights = found.x.reshape(start.shape).astype(np.float32)
        network.set_weights([weights[:-1], weights[-1]])
        (loss, accuracy), (val_loss, val_accuracy) = (
            part.scores(weights, each) for part, each in ((seen, of_genre), (unseen, alike))
        )
        penalty = objective.penalty(weights)
        logs = {"loss": loss + penalty, "accuracy": accuracy}
        logs |= {"val_loss": val_loss + penalty, "val_accuracy": val_accuracy}
        watching.on_epoch_end(epoch, logs)
        if network.stop_training:
            break
    watching.on_train_end(logs)


def _of(labels: Array, found: Array) -> Array:
    """The value of each row's label."""
    return found[np.arange(len(labels)), labels]
