"""What can be run: `python -m pipeline` lists it, and each part of it explains itself."""

import argparse
import runpy
import sys
from pathlib import Path

import pytest
from project import ROOT, Shell

from pipeline.__main__ import STAGES, listing
from pipeline.base.cli import RESUMES

pytestmark = pytest.mark.filterwarnings("ignore:.* found in sys.modules:RuntimeWarning")
SHELL = Shell(ROOT, PYTHONPATH="")
NAMES = sorted(path.stem for path in (ROOT / "pipeline").glob("[!_]*.py"))
RESUMABLE = {*STAGES, "ablate", "protocols"} - {"predict"}  # which says itself what it keeps


def test_the_listing_has_a_line_for_each_stage_and_command() -> None:
    lines = [line for line in listing().splitlines() if line.startswith("  ")]
    commands = [name for name in NAMES if name not in STAGES]
    assert [line.split()[0] for line in lines] == [*STAGES, *commands]
    assert len({len(line) - len(line[2:].partition("  ")[2].lstrip()) for line in lines}) == 1
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_help_says_what_the_docstring_does_and_changes_nothing(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(f"pipeline.{name}", run_name="__main__")
    assert caught.value.code == 0
    output, errors = capsys.readouterr()
    first = (ROOT / "pipeline" / f"{name}.py").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""Stage: ' if name in STAGES else '"""Command: ')
    assert first.rstrip('"').endswith((".", "?"))
    assert first.strip('"') in output
    assert errors == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_an_interruption_promises_only_what_is_kept(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", interrupt)
    with pytest.raises(SystemExit, match="130"):
        runpy.run_module(f"pipeline.{name}", run_name="__main__")
    expected = f"interrupted; {RESUMES}\n" if name in RESUMABLE else "interrupted\n"
    assert capsys.readouterr() == ("", expected)


def test_the_package_lists_what_can_be_run() -> None:
    assert SHELL.run("python", "-m", "pipeline") == listing()


def test_help_shows_how_a_command_is_called() -> None:
    shown = SHELL.run("python", "-m", "pipeline.prune", "--help")
    assert shown.startswith("usage: python -m pipeline.prune [-h] {size,prune}\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_python_without_the_packages_is_one_line(name: str) -> None:
    """Without `site`, Python finds no installed package."""
    [line] = SHELL.run(sys.executable, "-S", "-m", f"pipeline.{name}", status=1).splitlines()
    assert line.startswith(f"error: {sys.executable} lacks the packages of this project;")
