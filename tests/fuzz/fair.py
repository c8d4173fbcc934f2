"""What counts as a fair end of a call that was given hostile input.

It returns, or it ends as a stage does after what a user can cause: in one line that starts with
"error: ". Anything else is a defect: a traceback, a death, no end within SECONDS, more memory than
the call may take, or a warning of what was computed with numbers that are none.
"""

import faulthandler
import io
import os
import re
import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.base.cli import USER_ERROR, run_stage

SECONDS = 120  # more than anything takes here, on a busy machine as well
PATIENCE = 600  # for what is no test, such as loading Keras
MEMORY = 256 << 20  # bytes that a call may take
RESERVED = 2 << 30  # and address space: a larger array is refused, though nobody may touch it
STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class End:
    """How a call ended."""

    value: Any = None  # what it returned
    error: str = ""  # the line about what a user can cause
    defect: str = ""  # why the end was not fair


class Bench:
    """A process that makes calls one after another, and is started anew if one kills it."""

    def __init__(self) -> None:
        self._start()

    def try_call(
        self,
        call: Callable[..., Any],
        *arguments: Any,
        memory: int = MEMORY,
        seconds: float = SECONDS,
    ) -> End:
        """Call a function of a module, which has to end fairly with so many bytes and seconds."""
        self._pipe.send((call, arguments, memory))
        end = self._receive(seconds)
        assert not end.defect, end.defect
        return end

    def _receive(self, seconds: float) -> End:
        if not self._pipe.poll(seconds):
            assert self._process.pid is not None
            os.kill(self._process.pid, signal.SIGABRT)  # it prints where it hangs
            self._process.join(SECONDS)
            self._restart()
            return End(defect=f"no end within {seconds} s")
        try:
            end: End = self._pipe.recv()
        except EOFError:
            self._process.join()
            status = self._process.exitcode
            self._restart()
            return End(defect=f"the process died with status {status}")
        return end

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    faulthandler.enable()
    with suppress(EOFError):
        while True:
            call, arguments, memory = pipe.recv()
            pipe.send(_end_of(call, arguments, memory))


def _end_of(call: Callable[..., Any], arguments: tuple[Any, ...], memory: int) -> End:
    values: list[Any] = []
    errors = io.StringIO()
    with _limited(), redirect_stderr(errors), redirect_stdout(io.StringIO()):
        before = _reset_peak()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                run_stage(lambda: values.append(call(*arguments)))
        except SystemExit as end:
            return _of_line(errors.getvalue(), end.code)
        except BaseException:
            return End(defect=traceback.format_exc())
        taken = _memory("VmHWM") - before
    if taken > memory:
        return End(defect=f"{taken >> 20} MiB were taken, {memory >> 20} are the most")
    return End(value=values[0])


def _of_line(output: str, code: object) -> End:
    line = output[output.find("error: ") :].removesuffix("\n")
    if code != USER_ERROR or not line.startswith("error: ") or not line.isprintable():
        return End(defect=f"exit status {code} after {output!r}")
    return End(error=line)


def _memory(name: str) -> int:
    """A line of the process's status in bytes; 0 where the system does not tell."""
    text = STATUS.read_text() if STATUS.exists() else ""
    line = re.search(rf"{name}:\s*(\d+) kB", text)
    return int(line[1]) << 10 if line else 0


def _reset_peak() -> int:
    """Bytes in memory, from which the peak is counted from now on."""
    with suppress(OSError):
        PEAK.write_text("5")
    return _memory("VmRSS")


@contextmanager
def _limited() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = _memory("VmSize")
    if taken:
        resource.setrlimit(resource.RLIMIT_AS, (taken + RESERVED, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
