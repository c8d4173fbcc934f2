"""What git knows, by its own commands: many files of many commits cost one process."""

import subprocess
from collections.abc import Sequence

from pipeline.base.errors import PipelineError


def git(command: Sequence[str], given: bytes = b"") -> bytes:
    """Output of a git command that is given `given` on its standard input.

    Raises
    ------
    PipelineError
        It failed: this is no repository, it has no commit yet.
    """
    done = subprocess.run(["git", *command], input=given, capture_output=True, check=False)
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise PipelineError(f"git {command[0]}: {message}")
    return done.stdout


def read_files(names: Sequence[str]) -> list[bytes | None]:
    """Contents of files named `commit:./path`, from here; None for one that does not exist."""
    output = git(["cat-file", "--batch"], "".join(f"{name}\n" for name in names).encode())
    contents: list[bytes | None] = []
    start = 0
    for _ in names:
        end = output.index(b"\n", start)
        header, start = output[start:end], end + 1
        if header.endswith(b" missing"):
            contents.append(None)
        else:
            size = int(header.rsplit(b" ", 1)[1])
            contents.append(output[start : start + size])
            start += size + 1
    return contents
