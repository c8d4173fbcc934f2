"""How a stage begins, reports its progress and ends, and text for a terminal."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, Shell

from pipeline.base.cli import (
    RESUMES,
    about,
    aligned,
    clean,
    output_file,
    p_text,
    percent,
    points,
    progress,
    run_stage,
    when_interrupted,
)
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
    ],
    ids=["pipeline", "disk full", "strange name"],
)
def test_what_a_user_can_cause_is_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        raising(error)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", f"{line}\n")


def test_defect_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="defect"):
        raising(ValueError("defect"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (RESUMES, f"interrupted; {RESUMES}"),
        ("", "interrupted"),
        ("rows are in a\nb.csv", "interrupted; rows are in a?b.csv"),
    ],
    ids=["by default", "nothing", "rows"],
)
def test_an_interrupt_says_what_is_kept(
    kept: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    def within() -> None:
        with when_interrupted(kept):
            interrupted()

    options = {} if kept == RESUMES else {"kept": kept}
    with pytest.raises(SystemExit, match="130"):
        run_stage(interrupted, **options)
    with pytest.raises(SystemExit, match="130"):
        run_stage(within)
    assert capsys.readouterr().err == f"{line}\n" * 2


TALKING = """
from pipeline.base.cli import run_stage
run_stage(lambda: print("line\\n" * {lines}))
"""


@pytest.mark.parametrize(
    "arguments",
    [["-c", TALKING.format(lines=1)], ["-c", TALKING.format(lines=10**5)], ["-m", "pipeline"]],
    ids=["on closing", "on the way", "the list of stages"],
)
def test_a_reader_that_went_away_is_no_message(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


NAMING = """
from pipeline.base.cli import run_stage
def main():
    {action}("\\xe9 \\udcff")
run_stage(main)
"""


@pytest.mark.parametrize("status", [0, 2])
def test_a_terminal_of_few_characters_has_the_others_escaped(status: int) -> None:
    """On both streams, and with names that are not UTF-8."""
    code = NAMING.format(action="raise OSError" if status else "print")
    shell = Shell(ROOT, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    shown = shell.run("python", "-c", code, status=status)
    assert shown == (r"error: \xe9 ?" if status else r"\xe9 \udcff")


LIMITED = """
import resource, subprocess, sys
from pipeline.base.cli import run_stage
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
    before, *lines = Shell(ROOT).run("python", "-u", "-c", code).split()
    return int(before), [int(number) for line in lines for number in line.split(",")]


def test_a_stage_and_its_children_may_open_as_many_files_as_the_system_allows() -> None:
    hard, in_both = limits("64", "hard")
    soft = 8192 if hard == -1 else min(8192, hard)
    assert in_both == [soft, hard] * 2
    assert limits("64", "500")[1] == [500, 500] * 2
    hard, in_both = limits("hard", "hard")
    assert in_both == [hard, hard] * 2  # never fewer than before


def test_a_system_without_limits_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    run_stage(lambda: print("done"))
    assert capsys.readouterr() == ("done\n", "")


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_a_terminal_has_a_bar_for_what_takes_long(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("pipeline.base.cli.BAR_SECONDS", seconds)
    with progress(3, "decode") as reported:
        for _ in range(3):
            reported.update()
    assert ("\rdecode: 100%" in terminal.getvalue()) == (seconds == 0)


def test_a_file_has_whole_lines_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress(10, "what takes a moment") as reported:
        reported.update()
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("pipeline.base.cli.time.monotonic", lambda: next(clock))
    with progress(10, "predict", "file") as reported:
        for _ in range(10):
            reported.update()
    assert capsys.readouterr().err.splitlines() == [
        "predict: 3 of 10 files, about 28 s left",
        "predict: 6 of 10 files, about 16 s left",
        "predict: 9 of 10 files, about 4 s left",
    ]


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    rows = [["name", "points"], ["longer", "-"]]
    assert aligned(rows, right=[1]).splitlines() == ["name    points", "longer       -"]
    assert aligned(rows).splitlines() == ["name    points", "longer  -"]


def test_a_cell_cannot_steer_the_terminal_or_break_its_line() -> None:
    assert aligned([["a\nb", "\x1b[2J"]]) == "a?b  ?[2J"
    assert clean("Beyoncé \u202e\t\x07") == "Beyoncé ???"


def test_points_shares_p_values_and_rough_times() -> None:
    assert [points(share) for share in (0.0325, -0.5, -1e-17)] == ["+3.2", "-50.0", "+0.0"]
    assert percent(0.53249) == "53.2"
    assert percent(0.92646) == percent(0.9265)  # as a file has it
    assert points(0.92646) == points(0.9265)
    assert [p_text(value) for value in (0.0341, 0.00099, 1)] == ["0.034", "< 0.001", "1.000"]
    times = [about(seconds) for seconds in (0.2, 31.0, 720.0, 9000.0)]
    assert times == ["under 1 s", "about 31 s", "about 12 min", "about 2.5 h"]
