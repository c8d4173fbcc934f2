"""A folder for what is needed only while a command runs, and which goes even if it is killed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from zc.lockfile import LockError, LockFile


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder below `parent`, which is deleted when the block ends.

    Those of processes that were killed are deleted when the next one begins: a process holds the
    lock of its folder as long as it lives.
    """
    for lock in parent.glob(f".{name}-*.lock"):
        with suppress(LockError):  # its process is alive
            _delete(lock, LockFile(str(lock)))
    folder = parent / f"{name}-{uuid4().hex[:8]}"
    path = folder.with_name(f".{folder.name}.lock")
    held = LockFile(str(path))
    try:
        folder.mkdir()
        yield folder
    finally:
        _delete(path, held)


def _delete(path: Path, held: LockFile) -> None:
    """Delete a folder and its lock, which this process holds."""
    shutil.rmtree(path.with_name(path.stem[1:]), ignore_errors=True)
    path.unlink(missing_ok=True)
    held.close()
