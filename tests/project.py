"""The project itself: where it lies, copies of it, and commands that run in a copy."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What `dvc repro` needs.
PARTS = ("pipeline", "models", "dvc.yaml", ".dvc/config", ".dvcignore", ".gitignore")
HANGS = 1200  # seconds; nothing takes as long, on a busy machine as well


def copy_parts(parts: Iterable[str], folder: Path) -> None:
    """Copy files and folders of the project, named from its root, into another folder."""
    for part in parts:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path from there."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class Shell:
    """A folder in which commands run, and the environment that they find.

    `python` and `dvc` are those that run the tests; git knows an author.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
            **variables,
        }

    def run(self, *command: str, status: int = 0, **variables: str) -> str:
        """Output and errors of a command that must end with `status`, without blank ends."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANGS,
            check=False,
        )
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout.strip()


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until `condition` holds; fail the test if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.003)
