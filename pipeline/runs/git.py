"""Commits and their files, by git's own commands: many files of many commits cost one process."""

import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from pipeline.base.errors import PipelineError

BRANCHES = "refs/heads"
EXPERIMENTS = "refs/exps/*/*/*"  # DVC's: two parts of the hash of the baseline, and the name


def git(command: Sequence[str], given: bytes = b"") -> bytes:
    """Output of a git command that reads `given` from its standard input.

    Raises
    ------
    PipelineError
        It failed: this is not a repository, or it has no commit yet.
    """
    done = subprocess.run(["git", *command], input=given, capture_output=True, check=False)
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise PipelineError(f"git {command[0]}: {message}")
    return done.stdout


def find_commit(name: str) -> str:
    """Hash of the commit that a branch, commit, tag or DVC experiment names.

    What the name means to git goes before an experiment of that name, and of several experiments
    the one that started from the commit that is checked out goes before the others.

    Raises
    ------
    PipelineError
        There is none, or the name fits several experiments.
    """
    commit = _hash_of(f"{name}^{{commit}}") or _find_experiment(name)
    if not commit:
        raise PipelineError(f"{name!r} is not a branch, commit, tag or experiment")
    return commit


def named_commits() -> list[tuple[str, str]]:
    """Names and hashes of all branches, and of all DVC experiments, the newest first."""
    branches = [(name.removeprefix(f"{BRANCHES}/"), commit) for name, commit in _listed(BRANCHES)]
    experiments = _listed(EXPERIMENTS, "--sort=-creatordate")
    return branches + [(name.rpartition("/")[2], commit) for name, commit in experiments]


def _listed(pattern: str, *options: str) -> list[tuple[str, str]]:
    """References that fit a pattern, and the hashes of their commits."""
    lines = git(["for-each-ref", "--format=%(refname) %(objectname)", *options, pattern]).decode()
    return [(name, commit) for name, commit in map(str.split, lines.splitlines())]


def read_files(commits: Sequence[str], paths: Sequence[Path]) -> list[dict[Path, bytes | None]]:
    """Contents of the files that each commit has at `paths`; None for one that it lacks.

    Parameters
    ----------
    commits : sequence of str
        Hashes.
    paths : sequence of Path
        Relative to the working directory.
    """
    names = [f"{commit}:./{path.as_posix()}\n" for commit in commits for path in paths]
    output = BytesIO(git(["cat-file", "--batch"], "".join(names).encode()))
    return [{path: _next_content(output) for path in paths} for _ in commits]


def _next_content(output: BytesIO) -> bytes | None:
    header = output.readline()
    if header.endswith(b" missing\n"):
        return None
    content = output.read(int(header.split()[-1]))
    output.read(1)  # the end of line that git adds
    return content


def _hash_of(name: str) -> str:
    """Hash of what git knows by this name; empty if it knows nothing."""
    if "\n" in name:
        return ""
    given = f"{name}\n".encode(errors="surrogateescape")  # an argument need not be UTF-8
    header = git(["cat-file", "--batch-check"], given).decode(errors="replace")
    return "" if header.endswith((" missing\n", " ambiguous\n")) else header.split()[0]


def _find_experiment(name: str) -> str:
    """Hash of the experiment of that name; empty if there is none."""
    by_baseline = {}
    for reference, commit in _listed(EXPERIMENTS):
        *_, start, rest, experiment = reference.split("/")
        if experiment == name:
            by_baseline[start + rest] = commit
    head = _hash_of("HEAD")
    if len(by_baseline) > 1 and head not in by_baseline:
        commits = ", ".join(commit[:7] for commit in by_baseline.values())
        raise PipelineError(f"{name!r} names several experiments; choose a commit: {commits}")
    return by_baseline.get(head) or next(iter(by_baseline.values()), "")
