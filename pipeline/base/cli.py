"""Begin and end a stage or command, report its progress, and lay out text for a terminal."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from pipeline.base.errors import PipelineError

USER_ERROR = 2
INTERRUPTED, PIPE_CLOSED = 130, 141  # as if the signal had ended the process
OPEN_FILES = 8192  # reading a store takes 64, and many systems allow 1024
LINE_SECONDS = 10.0  # between two lines about progress, at the least
BAR_SECONDS = 1.0  # what takes less needs no bar
# The end of a line about work that was stopped.
RESUMES = "what was finished is kept: the next `dvc repro`, or the same command, goes on from there"


def command_line(doc: str) -> argparse.ArgumentParser:
    """Return a parser of the command line that shows the module's docstring `doc` as its help."""
    started = sys.modules["__main__"].__spec__  # None where `python -m` did not start it
    return argparse.ArgumentParser(
        prog=f"python -m {started.name}" if started else None,
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def output_file(text: str) -> Path:
    """Return the path of a file to write, checked before a command computes for hours.

    Raises
    ------
    PipelineError
        It is a folder, or lies where nothing can be written.
    """
    path = Path(text)
    if path.is_dir():
        raise PipelineError(f"{path} is a folder; name a file in it")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise PipelineError(f"{path} cannot be written: {above} is no folder that you may write to")
    return path


def run_stage(main: Callable[[], None], *, kept: str = RESUMES) -> None:
    """Run `main`, and turn errors that a user can cause into one line and exit status 2.

    Parameters
    ----------
    main : callable
        The stage or command. A `PipelineError` or an `OSError` (no such file, no space left)
        is reported without a traceback; anything else is a defect and keeps its traceback.
        If the reader of its output is gone, it ends silently.
    kept : str
        What remains of the work after an interruption, in words; empty for a command that keeps
        nothing. `when_interrupted` replaces it for a part of the work.
    """
    _raise_file_limit()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it may be a terminal that knows few characters
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # such as by `| head`; Python would complain when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except (PipelineError, OSError) as error:
        print(f"error: {clean(str(error))}", file=sys.stderr)  # it may quote a strange name
        sys.exit(USER_ERROR)
    except KeyboardInterrupt as interrupt:
        left = interrupt.args[0] if interrupt.args else kept
        print(f"interrupted; {clean(left)}" if left else "interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


@contextmanager
def when_interrupted(kept: str) -> Iterator[None]:
    """Print `kept`, in place of that of `run_stage`, if the block is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(kept) from None


def _raise_file_limit() -> None:
    """Let this process and its children open up to OPEN_FILES files, if the system allows it."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limits
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextmanager
def progress(total: int, label: str, unit: str = "track") -> Iterator[Any]:
    """Report the progress of `total` steps on stderr; `update()` is to be called after each.

    Parameters
    ----------
    total : int
    label : str
        The work, such as "decode".
    unit : str
        What a step is about, in the singular.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm  # slow to import, and seldom needed

        with tqdm(total=total, desc=label, unit=unit, delay=BAR_SECONDS) as bar:
            yield bar
    else:
        yield _Lines(total, label, unit)


class _Lines:
    """A line now and then; none about what takes only seconds."""

    def __init__(self, total: int, label: str, unit: str) -> None:
        self._total, self._label, self._unit = total, label, unit
        self._done = 0
        self._started = self._printed = time.monotonic()

    def update(self) -> None:
        """One more step is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._printed < LINE_SECONDS or self._done == self._total:
            return
        self._printed = now
        left = (now - self._started) * (self._total - self._done) / self._done
        print(
            f"{self._label}: {self._done} of {self._total} {self._unit}s, {about(left)} left",
            file=sys.stderr,
            flush=True,
        )


def warn(text: str) -> None:
    """Print a line that the user should see, whatever becomes of the output."""
    print(f"warning: {clean(text)}", file=sys.stderr)


def clean(text: str) -> str:
    """Put `text` on one line and replace control characters, which could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Lay out rows in columns that are two spaces apart; every cell is made `clean`.

    Parameters
    ----------
    rows : sequence of sequences of str
        At least one, all of the same length.
    right : sequence of int
        Indices of the columns that are flush right; the others are flush left.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def padded(text: str, index: int) -> str:
        return text.rjust(widths[index]) if index in right else text.ljust(widths[index])

    return "\n".join("  ".join(map(padded, row, range(len(row)))).rstrip() for row in cells)


def percent(share: float) -> str:
    """A share in percent: 53.2; files have four decimals, so it is rounded as if from one."""
    return f"{100 * round(share, 4):.1f}"


def points(share: float) -> str:
    """A signed difference of shares in percentage points: +3.2."""
    return f"{100 * round(share, 4):+z.1f}"


def counted(number: int, what: str) -> str:
    """A number of things: 1 track, 2 tracks."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def p_text(p_value: float) -> str:
    """A p-value with three decimals: 0.034, or < 0.001."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it: 5 s, 12 min, 3.4 h."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def about(seconds: float) -> str:
    """A rough time: about 12 min, or under 1 s."""
    return f"about {duration(seconds)}" if seconds >= 1 else duration(seconds)
