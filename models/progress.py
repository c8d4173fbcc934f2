"""What a training says while it runs."""

import time

import keras

REPORT_SECONDS = 10.0


class Progress(keras.callbacks.Callback):
    """A line every few seconds: epoch, accuracy, clips a second, time left at the most."""

    def __init__(self, fold: int, epochs: int, clips: int) -> None:
        super().__init__()
        self._fold, self._epochs, self._clips = fold, epochs, clips

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._start = self._reported = time.monotonic()
        self._done = self._here = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Report, unless it was done a moment ago."""
        self._done = epoch + 1
        self._here += 1
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            left = self._clips * (self._epochs - self._done) / self._rate()
            self._report(logs, f"at most {left:.0f} s left")

    def on_train_end(self, logs: dict[str, float]) -> None:
        """Report the last epoch, be it the last allowed or not."""
        self._report(logs, f"done in {time.monotonic() - self._start:.0f} s")

    def _rate(self) -> float:
        return self._clips * self._here / (time.monotonic() - self._start)

    def _report(self, logs: dict[str, float], end: str) -> None:
        self._reported = time.monotonic()
        print(
            f"fold {self._fold}: epoch {self._done}/{self._epochs}, "
            f"accuracy {logs['accuracy']:.2f}, validation {logs['val_accuracy']:.2f}, "
            f"{self._rate():.0f} clips/s, {end}",
            flush=True,
        )
