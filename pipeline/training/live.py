"""Write the curves of folds while they train, so that `dvc plots` and editors show them.

Every epoch adds a line to a table, metrics/history.csv, and a run that is stopped leaves what it
had. When all folds are trained, `train` writes the whole table, in order.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from pipeline.base.backend import keras
from pipeline.base.tables import rounded
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fitting import HISTORY

COLUMNS = ("fold", "epoch", *HISTORY)


class LiveCurves(keras.callbacks.Callback):
    """Adds a line to the table after each epoch, and first those of a run that was killed.

    Parameters
    ----------
    fold : int
    checkpoint : Checkpoint
        Knows the epochs of the killed run.
    path : Path
        The table. Where it does not exist, as on another machine, nothing is written.
    """

    def __init__(self, fold: int, checkpoint: Checkpoint, path: Path) -> None:
        super().__init__()
        self._fold, self._checkpoint, self._path = fold, checkpoint, path

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Add the epochs that were trained before."""
        for epoch, row in enumerate(self._checkpoint.history, 1):
            self._add(epoch, row)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Add the epoch that has just ended."""
        self._add(epoch + 1, logs)

    def _add(self, epoch: int, row: Mapping[str, float]) -> None:
        if not self._path.is_file():
            return
        line = io.StringIO()
        values = rounded({name: float(row[name]) for name in HISTORY})
        csv.DictWriter(line, COLUMNS, lineterminator="\n").writerow(
            {"fold": self._fold, "epoch": epoch, **values}
        )
        # Folds write at the same time: a line that is written at once is not divided.
        with self._path.open("ab", buffering=0) as file:
            file.write(line.getvalue().encode())
