"""Checkpoints: the whole state of a training, from which a killed run continues."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.backend import keras

SAVE_SECONDS = 5.0  # between two checkpoints, at the least


class Checkpoint(keras.callbacks.Callback):
    """Saves the state at the end of an epoch, and restores it; must be the last of the callbacks.

    Parameters
    ----------
    path : Path
        NumPy archive of the weights, the optimizer's variables, the states of random generators,
        the best weights so far, and the history as JSON. `forget` deletes it.

    Attributes
    ----------
    history : list of dict
        What Keras logged after each epoch, including those of an earlier run.
    ended : bool
        Whether there is nothing left to train: the last epoch is done, or training was stopped.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self.ended = False
        self._path = path
        self._stopping: keras.callbacks.EarlyStopping | None = None
        self._best: dict[str, Any] = {}
        self._saved = self._started = time.monotonic()
        self._earlier = 0.0

    @property
    def seconds(self) -> float:
        """Duration of the training, an earlier run included."""
        return self._earlier + time.monotonic() - self._started

    def restore(self, model: keras.Model, stopping: keras.callbacks.EarlyStopping | None) -> int:
        """Restore a model, its built optimizer and early stopping to the last checkpoint.

        Returns
        -------
        int
            The number of epochs that are done: 0 where there is no checkpoint, or a damaged one.
        """
        self._stopping = stopping
        saved = _read(self._path, len(_variables(model)))
        if saved is None:
            return 0
        state, values, best = saved
        for variable, value in zip(_variables(model), values, strict=True):
            variable.assign(value)
        self.history, self.ended = state["history"], state["ended"]
        self._earlier = state["seconds"]
        self._best = {**state["stopping"], "best_weights": best or None}
        if self.ended and best:
            model.set_weights(best)
        return len(self.history)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Restore early stopping, which has just been reset."""
        if self._stopping is not None:
            vars(self._stopping).update(self._best)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Add to the history, and save unless that was done a moment ago."""
        self.history.append({name: float(value) for name, value in logs.items()})
        self.ended = self.model.stop_training or epoch + 1 == self.params["epochs"]
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self._save()
            self._saved = time.monotonic()

    def _save(self) -> None:
        arrays = {
            f"variable-{number}": keras.ops.convert_to_numpy(variable.value)
            for number, variable in enumerate(_variables(self.model))
        }
        best = getattr(self._stopping, "best_weights", None) or []
        arrays |= {f"best-{number}": weights for number, weights in enumerate(best)}
        state = {
            "history": self.history,
            "ended": self.ended,
            "seconds": self.seconds,
            "stopping": self._counters(),
            "best_weights": len(best),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez(file, state=json.dumps(state), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self._path)

    def _counters(self) -> dict[str, Any]:
        if self._stopping is None or self._stopping.best is None:
            return {}
        return {
            "wait": int(self._stopping.wait),
            "best": float(self._stopping.best),
            "best_epoch": int(self._stopping.best_epoch),
        }

    def forget(self) -> None:
        """Delete the checkpoint of a training that has ended."""
        self._path.unlink(missing_ok=True)


def _read(path: Path, count: int) -> tuple[dict[str, Any], list[Any], list[Any]] | None:
    """State, values of `count` variables, best weights; None if missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file) as kept:
            if kept.zip.testzip():  # NumPy compares no checksum of what it reads in part
                return None
            state = json.loads(str(kept["state"]))
            names = [f"variable-{number}" for number in range(count)]
            names += [f"best-{number}" for number in range(state["best_weights"])]
            arrays = [kept[name] for name in names]
            if not all(isinstance(array, np.ndarray) for array in arrays):
                return None
    except Exception:  # an archive with a wrong byte may raise many
        return None
    return state, arrays[:count], arrays[count:]


def _variables(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)  # Newton's method has none
    return [*model.variables, *(optimizer.variables if optimizer else [])]
