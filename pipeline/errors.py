"""The one root exception, and how a stage or a command ends when it meets it."""

import sys
from collections.abc import Callable

USER_ERROR = 2


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
    try:
        main()
    except (PipelineError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
