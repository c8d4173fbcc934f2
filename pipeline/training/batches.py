"""Mini-batches of rows by index, shuffled anew each epoch, cast only when they are needed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.training.startup import keras

Change = Callable[[Array, Array, int], Array]


class Batches(keras.utils.PyDataset):
    """Batches of rows and integer labels for `fit`, `evaluate` and `predict`.

    Rows are float32, or float16, which the network casts faster than NumPy does.

    Parameters
    ----------
    rows : array, shape (n, ...)
        Any dtype; may lie on the disk, and is never copied whole. Rows with a method `prefetch`
        are told what the next batch will ask for.
    labels : int array, shape (n,)
    index : int array, shape (m,)
        The rows to use.
    batch_size : int
    seed : int or None
        Seed of the order, which differs from epoch to epoch; None keeps the order of `index`.
    change : callable or None
        Augmentation: (rows, their numbers, epoch) -> rows.
    """

    def __init__(
        self,
        rows: Any,
        labels: Array,
        index: Array,
        batch_size: int,
        seed: int | None = None,
        change: Change | None = None,
    ) -> None:
        super().__init__()
        self._change = change
        self._rows, self._labels, self._index = rows, labels, index
        self._batch_size = batch_size
        self._seed, self._order = seed, index
        self._prefetch = getattr(rows, "prefetch", None)
        self.start_epoch(0)

    def __len__(self) -> int:
        return -(-len(self._index) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[Array, Array]:
        if self._prefetch:
            self._prefetch(self._chosen(batch + 1))
        chosen = self._chosen(batch)
        rows = self._rows[chosen]
        if self._change:
            rows = self._change(rows, chosen, self._epoch)
        if rows.dtype != np.float16:
            rows = rows.astype(np.float32)
        return rows, self._labels[chosen]

    def _chosen(self, batch: int) -> Array:
        return self._order[batch * self._batch_size : (batch + 1) * self._batch_size]

    def close(self) -> None:
        """Let go of the rows, and of the files behind them.

        TensorFlow keeps every object that it ever drew batches from.
        """
        self._rows = self._change = self._prefetch = None

    def start_epoch(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Take the order of that epoch, which follows from the seed and its number alone."""
        self._epoch = epoch
        if self._seed is not None:
            rng = np.random.default_rng([self._seed, epoch])
            self._order = rng.permutation(self._index)
