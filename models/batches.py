"""Mini-batches of rows by index, shuffled anew each epoch, cast only when they are needed."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Batches(keras.utils.PyDataset):
    """Batches of float32 rows and integer labels for `fit`, `evaluate` and `predict`.

    Parameters
    ----------
    rows : array, shape (n, ...)
        Any dtype, possibly a memory map; never copied whole.
    labels : int array, shape (n,)
    index : int array, shape (m,)
        The rows to use.
    batch_size : int
    seed : int or None
        Seed of the order, which differs from epoch to epoch; None keeps the order of `index`.
    """

    def __init__(
        self, rows: Array, labels: Array, index: Array, batch_size: int, seed: int | None = None
    ) -> None:
        super().__init__()
        self._rows, self._labels, self._index = rows, labels, index
        self._batch_size = batch_size
        self._rng = None if seed is None else np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._index) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[Array, Array]:
        chosen = self._index[batch * self._batch_size : (batch + 1) * self._batch_size]
        return self._rows[chosen].astype(np.float32), self._labels[chosen]

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        if self._rng is not None:
            self._index = self._rng.permutation(self._index)
