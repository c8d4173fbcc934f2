"""The command that shows the machine's cache, or prunes it."""

import os
from pathlib import Path

import pytest
from helpers import run_main

from pipeline.base.errors import PipelineError
from pipeline.prune import main


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of two tracks of 200 and 500 bytes, the first of which was used longest ago."""
    root = tmp_path / "cache"
    for age, size in ((2, 200), (1, 500)):
        path = root / "tracks" / "ab" / str(size)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (1e9 - age, 1e9 - age))
    monkeypatch.setenv("PIPELINE_CACHE", str(root))
    monkeypatch.delenv("PIPELINE_CACHE_SIZE", raising=False)
    return root


def left(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_it_says_the_size(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_main(main, "size")
    assert capsys.readouterr() == (f"{root}: 700 B in 2 entries; the limit is 20 GB\n", "")
    assert left(root) == {"200", "500"}


def test_it_keeps_the_limit(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIPELINE_CACHE_SIZE", "550")
    run_main(main, "prune")
    expected = f"{root}: 200 B deleted, 500 B left; the limit is 550 B\n"
    assert capsys.readouterr() == (expected, "")
    assert left(root) == {"500"}


def test_a_wrong_limit_deletes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_CACHE_SIZE", "all")
    with pytest.raises(PipelineError, match="PIPELINE_CACHE_SIZE = 'all'"):
        run_main(main, "prune")
    assert left(root) == {"200", "500"}
