"""Watch a training: progress lines, and the table of its curves, metrics/history.csv."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.base.backend import keras
from pipeline.base.cli import about
from pipeline.base.files import rounded
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fit import HISTORY
from pipeline.training.network import FitParams

COLUMNS = ("fold", "epoch", *HISTORY)
# Since the last line, at the end of an epoch or within one.
EPOCH_SECONDS, BATCH_SECONDS = 10.0, 30.0


class Progress(keras.callbacks.Callback):
    """Prints a line from time to time: epoch, accuracy, clips per second, and the time left.

    Parameters
    ----------
    fold : int
    params : FitParams
    clips : int
        The number that an epoch trains on.
    """

    def __init__(self, fold: int, params: FitParams, clips: int) -> None:
        super().__init__()
        self._fold, self._epochs, self._clips = fold, params.epochs, clips
        self._end = "left, or less" if params.patience else "left"

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._start = self._reported = time.monotonic()
        self._marks: list[tuple[int, float]] = []  # the starts of the first two epochs of this run

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Note how far training is."""
        if len(self._marks) < 2:
            self._marks.append((epoch, time.monotonic()))
        self._done = float(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Report from within a long epoch."""
        if self._silent() >= BATCH_SECONDS:
            share = (batch + 1) / self.params["steps"]
            epoch, self._done = int(self._done), int(self._done) + share
            self._report(f"{epoch + 1}/{self._epochs} at {share:.0%}", logs, self._left())

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Report, unless that was done a moment ago, or is due at the end."""
        self._done = epoch + 1.0
        if self._silent() >= EPOCH_SECONDS and self._done < self._epochs:
            self._report(f"{epoch + 1}/{self._epochs}", logs, self._left())

    def on_train_end(self, logs: dict[str, float]) -> None:
        """Report the last epoch, whether or not training stopped early."""
        seconds = time.monotonic() - self._start
        self._report(f"{self._done:.0f}/{self._epochs}", logs, f"done in {seconds:.0f} s")

    def _silent(self) -> float:
        return time.monotonic() - self._reported

    def _rate(self) -> float:
        """Clips per second; once there is more than the first epoch, which compiles, without it."""
        epoch, since = next(mark for mark in reversed(self._marks) if mark[0] < self._done)
        return self._clips * (self._done - epoch) / (time.monotonic() - since)

    def _left(self) -> str:
        left = self._clips * (self._epochs - self._done) / self._rate()
        return f"{about(left)} {self._end}"

    def _report(self, epoch: str, logs: dict[str, float], end: str) -> None:
        self._reported = time.monotonic()
        labels = {"accuracy": "accuracy", "val_accuracy": "validation"}
        figures = [
            f"{label} {float(logs[name]):.2f}" for name, label in labels.items() if name in logs
        ]
        parts = [f"epoch {epoch}", *figures, f"{self._rate():.0f} clips/s", end]
        print(f"fold {self._fold}: {', '.join(parts)}", flush=True)


def history_rows(histories: Mapping[int, Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Rows of metrics/history.csv from the losses and accuracies of each fold's epochs."""
    return [
        {"fold": fold, "epoch": epoch, **rounded(row)}
        for fold, history in histories.items()
        for epoch, row in enumerate(history, 1)
    ]


class LiveCurves(keras.callbacks.Callback):
    """Adds a line to the table of curves after each epoch, after those of a run that was killed.

    Parameters
    ----------
    fold : int
    checkpoint : Checkpoint
        Has the epochs of the killed run.
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
