"""How a stage ends: one line for what a user can cause, a traceback for a defect."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

from pipeline.base.cli import RESUMES, output_file, run_stage, when_interrupted
from pipeline.base.errors import PipelineError


def raising(error: BaseException) -> None:
    def main() -> None:
        raise error

    run_stage(main)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PipelineError("seed = -1: should be 0 or more"), "error: seed = -1: should be 0 or more"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/clips"),
            "error: [Errno 28] No space left on device: 'data/clips'",
        ),
        (PipelineError("a\nb\x1b[2J: no such track"), "error: a?b?[2J: no such track"),
        (
            FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "gone.csv"),
            "error: [Errno 2] No such file or directory: 'gone.csv'",
        ),
    ],
    ids=["pipeline", "disk full", "strange name", "no file"],
)
def test_what_a_user_can_cause_is_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        raising(error)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", f"{line}\n")


def test_subclasses_are_reported_alike(capsys: pytest.CaptureFixture[str]) -> None:
    class FoldError(PipelineError):
        pass

    with pytest.raises(SystemExit) as caught:
        raising(FoldError("leak"))
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: leak\n"


@pytest.mark.parametrize("error", [ValueError("defect"), KeyError("defect"), TypeError("defect")])
def test_defect_keeps_its_traceback(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(type(error), match="defect"):
        raising(error)
    assert capsys.readouterr().err == ""


def test_interrupt_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        raising(KeyboardInterrupt())
    assert caught.value.code == 130
    assert capsys.readouterr().err == f"interrupted; {RESUMES}\n"


@pytest.mark.parametrize(
    ("kept", "line"),
    [("", "interrupted"), ("rows are in a\nb.csv", "interrupted; rows are in a?b.csv")],
    ids=["nothing", "rows"],
)
def test_an_interrupt_says_what_is_kept(
    kept: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    def saying() -> None:
        with when_interrupted(kept):
            interrupted()

    with pytest.raises(SystemExit, match="130"):
        run_stage(interrupted, kept=kept)
    with pytest.raises(SystemExit, match="130"):
        run_stage(saying)
    assert capsys.readouterr().err == f"{line}\n" * 2


def test_stage_without_an_error_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    done = []
    run_stage(lambda: done.append(1))
    assert done == [1]
    assert capsys.readouterr() == ("", "")


TALKING = """
from pipeline.base.cli import output_file, run_stage
run_stage(lambda: print("line\\n" * {lines}))
"""


@pytest.mark.parametrize("lines", [1, 10**5], ids=["on closing", "on the way"])
def test_a_reader_that_went_away_is_no_message(lines: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", TALKING.format(lines=lines)]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


LIMITED = """
import resource, subprocess, sys
from pipeline.base.cli import output_file, run_stage
limit = resource.RLIMIT_NOFILE
hard = resource.getrlimit(limit)[1]
resource.setrlimit(limit, ({soft}, {hard}))
show = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE), sep=',')"
run_stage(lambda: (print(hard), exec(show), subprocess.run([sys.executable, "-c", show])))
"""


def limits(soft: str, hard: str) -> tuple[int, list[int]]:
    """The hard limit of files before, and the soft and the hard one in a stage and in its child."""
    pytest.importorskip("resource")
    code = LIMITED.format(soft=soft, hard=hard)
    command = [sys.executable, "-u", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    before, *found = done.stdout.split()
    return int(before), [int(number) for line in found for number in line.split(",")]


def test_a_stage_and_its_children_may_open_many_files() -> None:
    hard, found = limits("64", "hard")
    soft = 8192 if hard == -1 else min(8192, hard)
    assert found == [soft, hard] * 2


def test_a_stage_opens_as_many_files_as_the_system_allows() -> None:
    assert limits("64", "500")[1] == [500, 500] * 2
    hard, found = limits("hard", "hard")
    assert found == [hard, hard] * 2  # never fewer than before


def test_a_system_without_limits_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    done = []
    run_stage(lambda: done.append(1))
    assert done == [1]


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_computed(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    for place in ("new.csv", "file", "new/folder/x.csv"):
        assert output_file(str(tmp_path / place)) == tmp_path / place
    with pytest.raises(PipelineError, match=r"is a folder; name a file in it$"):
        output_file(str(tmp_path))
    with pytest.raises(PipelineError, match=r"cannot be written: .*file is no folder that you may"):
        output_file(str(tmp_path / "file" / "x.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
