"""How every stage and command starts, and how it ends after an error."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.base.errors import PipelineError
from pipeline.base.terminal import RESUMES, clean

USER_ERROR = 2
INTERRUPTED, PIPE_CLOSED = 130, 141  # as if the signal had ended the process
OPEN_FILES = 8192  # reading a store takes 64, and many systems allow 1024


def command_line(doc: str) -> argparse.ArgumentParser:
    """A parser of the command line that shows the module's docstring `doc` as its help."""
    started = sys.modules["__main__"].__spec__  # None where `python -m` did not start it
    return argparse.ArgumentParser(
        prog=f"python -m {started.name}" if started else None,
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def output_file(text: str) -> Path:
    """A file that a command is to write, looked at before it computes for hours.

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


@contextmanager
def when_interrupted(kept: str) -> Iterator[None]:
    """Have an interruption of the block say what is kept, as `kept` of `run_stage` does."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(kept) from None


def run_stage(main: Callable[[], None], *, kept: str = RESUMES) -> None:
    """Run `main`, and turn errors that a user can cause into one line and exit status 2.

    Parameters
    ----------
    main : callable
        The stage or command. A `PipelineError` or an `OSError` (no such file, no space left)
        is reported without a traceback; anything else is a defect and keeps its traceback.
        If the reader of its output is gone, it ends silently.
    kept : str
        What an interruption leaves of the work, in words; empty for a command that keeps nothing.
        Where `when_interrupted` says something else, that is printed.
    """
    _raise_file_limit()
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


def _raise_file_limit() -> None:
    """Let this process and its children open up to OPEN_FILES files, if the system allows it."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limits
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
