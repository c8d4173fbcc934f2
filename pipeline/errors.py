"""The one root exception, and how a stage or a command begins, and ends when it meets it."""

import sys
from collections.abc import Callable
from contextlib import suppress

USER_ERROR = 2
OPEN_FILES = 8192  # a store that a process reads takes 64, and many systems grant 1024


class PipelineError(Exception):
    """Something that a user can cause and mend; its text is one line that says how."""


def run_stage(main: Callable[[], None]) -> None:
    """Run `main`; what a user can cause becomes one line on stderr and exit status 2.

    Parameters
    ----------
    main : callable
        The stage or command. A `PipelineError` or an `OSError` (no such file, no space left)
        is reported without a traceback; anything else is a defect and keeps its traceback.
    """
    _raise_file_limit()
    try:
        main()
    except (PipelineError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _raise_file_limit() -> None:
    """Let this process and its children open OPEN_FILES files, or as many as the system allows."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limits
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
