"""Mini-batches of rows by index, shuffled anew in each epoch and cast only when they are needed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.backend import keras

Transform = Callable[[Array, Array, int], Array]


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
        The rows to use.
    batch_size : int
        The most rows of a batch.
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
            rows = rows.astype(np.float32)
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
