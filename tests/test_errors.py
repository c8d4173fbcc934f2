"""How a stage ends: one line for what a user can cause, a traceback for a defect."""

import errno
import os

import pytest

from pipeline.errors import PipelineError, run_stage


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
        (
            FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "gone.csv"),
            "error: [Errno 2] No such file or directory: 'gone.csv'",
        ),
    ],
    ids=["pipeline", "disk full", "no file"],
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
    assert capsys.readouterr().err == "interrupted\n"


def test_stage_without_an_error_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    done = []
    run_stage(lambda: done.append(1))
    assert done == [1]
    assert capsys.readouterr() == ("", "")
