"""Progress of long loops: a bar on a terminal, a line now and then in a file."""

import io
import sys

import pytest

from pipeline.base.cli import progress


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


def test_what_takes_a_moment_is_not_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(10, "decode") as reported:
        for _ in range(10):
            reported.update()
    assert capsys.readouterr() == ("", "")
