"""Keep a training's whole state after an epoch, so that a killed run goes on from there."""

import json
import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

SAVE_SECONDS = 5.0  # between two checkpoints: what a kill may cost


class Checkpoint(keras.callbacks.Callback):
    """Saves the state now and then, and brings it back; to be the last of the callbacks.

    Parameters
    ----------
    path : Path
        NumPy archive of weights, the optimizer's variables, states of random generators, the
        best weights so far, and the history as JSON; it goes when the training has ended.
    stopping : keras.callbacks.EarlyStopping or None

    Attributes
    ----------
    history : list of dict
        What Keras logged after each epoch, also those of an earlier run.
    """

    def __init__(self, path: Path, stopping: keras.callbacks.EarlyStopping | None) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self._path, self._stopping = path, stopping
        self._best: dict[str, Any] = {}
        self._saved = time.monotonic()

    def restore(self, model: keras.Model) -> int:
        """Bring a compiled model to where the last checkpoint was: the epochs that are done."""
        model.optimizer.build(model.trainable_variables)
        if not self._path.is_file():
            return 0
        with np.load(self._path) as kept:
            for number, variable in enumerate(_variables(model)):
                variable.assign(kept[f"variable-{number}"])
            state = json.loads(str(kept["state"]))
            best = [kept[f"best-{number}"] for number in range(state["best_weights"])]
        self.history = state["history"]
        self._best = {**state["stopping"], "best_weights": best or None}
        return len(self.history)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Bring early stopping back, which has just forgotten."""
        if self._stopping is not None:
            vars(self._stopping).update(self._best)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:  # noqa: ARG002
        """Note the logs, and save unless it was done a moment ago."""
        self.history.append({name: float(value) for name, value in logs.items()})
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
        state = {"history": self.history, "stopping": self._counters(), "best_weights": len(best)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez(file, state=json.dumps(state), **arrays)
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
        """Drop the checkpoint of a training that has ended."""
        self._path.unlink(missing_ok=True)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
