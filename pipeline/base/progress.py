"""How far a long loop is: a bar on a terminal, and elsewhere a line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

from pipeline.base.terminal import about

LINE_SECONDS = 10.0  # between two lines, at the least
BAR_SECONDS = 1.0  # what takes less needs no bar


class Progress(Protocol):
    """What is called after each step."""

    def update(self) -> object:
        """One more is done."""


@contextmanager
def progress(total: int, label: str, unit: str = "track") -> Iterator[Progress]:
    """Report the progress of `total` steps on stderr.

    Parameters
    ----------
    total : int
    label : str
        What is done, such as "decode".
    unit : str
        What a step is about, in the singular.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, desc=label, unit=unit, delay=BAR_SECONDS) as bar:
            yield bar
    else:
        yield _Lines(total, label, unit)


class _Lines:
    """Prints nothing about what takes only seconds."""

    def __init__(self, total: int, label: str, unit: str) -> None:
        self._total, self._label, self._unit = total, label, unit
        self._done = 0
        self._started = self._said = time.monotonic()

    def update(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said < LINE_SECONDS or self._done == self._total:
            return
        self._said = now
        left = (now - self._started) * (self._total - self._done) / self._done
        print(
            f"{self._label}: {self._done} of {self._total} {self._unit}s, {about(left)} left",
            file=sys.stderr,
            flush=True,
        )
