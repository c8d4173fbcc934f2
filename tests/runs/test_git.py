"""Commits by their names, and the files of many commits, in a real repository."""

from pathlib import Path

import pytest
from repository import Repository

from pipeline.base.errors import PipelineError
from pipeline.runs.git import find_commit, read_files


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Three commits, of which the last is checked out, with names in all that git and DVC have."""
    found = Repository(tmp_path_factory.mktemp("repository"))
    (found.folder / "below").mkdir()
    commits = []
    for number, content in enumerate((b"one\n", b"x missing\n\n\nabc commit 3\n", b"")):
        (found.folder / "file").write_bytes(content)
        (found.folder / "below" / f"file-{number}").write_bytes(content)
        commits.append(found.commit(f"{number}"))
    first, second, third = commits
    found.run("git", "branch", "branch", second)
    found.run("git", "tag", "plain-tag", second)
    found.run("git", "tag", "-a", "-m", "annotated", "full-tag", second)
    found.run("git", "branch", "both", second)
    found.name("both", first, "0" * 40)
    found.name("trial", second, "0" * 40)
    found.name("repeated", first, first)
    found.name("repeated", second, third)
    found.name("several", first, first)
    found.name("several", second, second)
    found.run("git", "update-ref", "refs/exps/exec/unnamed", first)
    return found


@pytest.fixture
def commits(repository: Repository) -> list[str]:
    """Hashes of the commits of `repository`, the first commit first."""
    return repository.run("git", "rev-list", "--reverse", "main").split()


@pytest.fixture(autouse=True)
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


@pytest.mark.parametrize(
    "name", ["branch", "plain-tag", "full-tag", "HEAD~1", "main^", "both", "trial", "repeated"]
)
def test_every_kind_of_name_is_found(name: str, commits: list[str]) -> None:
    """A branch goes before an experiment; of two experiments, that of HEAD before the other."""
    assert find_commit(name) == find_commit(commits[1][:8]) == commits[1]


@pytest.mark.parametrize(
    "name",
    ["nope", "", "--all", "tri*", "main..branch", "HEAD:file", "a\nb", "unnamed", "exps", "\udcff"],
)
def test_what_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(PipelineError) as caught:
        find_commit(name)
    assert str(caught.value) == f"{name!r} is not a branch, commit, tag or experiment"


def test_a_name_of_several_experiments_is_refused(commits: list[str]) -> None:
    with pytest.raises(PipelineError, match="'several' names several experiments") as caught:
        find_commit("several")
    assert all(commit[:7] in str(caught.value) for commit in commits[:2])


def test_files_are_read_to_the_byte(commits: list[str]) -> None:
    paths = [Path("file"), Path("below/file-1"), Path("nope")]
    contents = b"x missing\n\n\nabc commit 3\n"
    assert [list(files.values()) for files in read_files(commits, paths)] == [
        [b"one\n", None, None],
        [contents, contents, None],
        [b"", contents, None],
    ]
    assert read_files([], paths) == []


def test_paths_are_relative_to_the_working_directory(
    repository: Repository, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.folder / "below")
    files = {Path("file-0"): b"one\n", Path("file"): None}
    assert read_files(commits[:1], list(files)) == [files]
