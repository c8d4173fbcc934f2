"""The stage `report`: a folder that stands by itself, made again from the same run."""

import shutil
from pathlib import Path

import pytest
from documents import write_params
from helpers import OFFLINE, SMALL, UNLABELLED
from outcomes import clips_of, write_outcome
from project import contents

from pipeline import report
from pipeline.base.cli import run_stage
from pipeline.base.files import CLIP_PREDICTIONS, REPORT

GENRES = ["high", "low"]


@pytest.fixture
def project(augmented: Path) -> Path:
    """The small project after its evaluation: `high/0` is judged wrong."""
    chances = {"high/0": [0.2, 0.8], "high/1": [0.9, 0.1], "low/0": [0.3, 0.7]}
    actual = {name: name[:-2] for name in chances}
    write_outcome(
        clips_of(GENRES, {name: [clip] * 2 for name, clip in chances.items()}, actual),
        clips_of(GENRES, {UNLABELLED[0]: [[0.4, 0.6]] * 2}),
    )
    return augmented


@pytest.mark.parametrize(("tracks", "with_sound"), [("wrong", 2), ("all", 4), (0, 0)])
def test_the_folder_has_the_page_and_what_it_names(
    project: Path, tracks: str | int, with_sound: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(project, {**SMALL, **OFFLINE, "report.tracks": tracks})
    report.main()
    page = (REPORT / "index.html").read_text(encoding="utf-8")
    files = [path for path in contents(REPORT) if path != "index.html"]
    assert all(f'"{path}"' in page for path in files)
    assert len([path for path in files if path.startswith("audio/")]) >= with_sound
    for name in ('"sound":"audio/', '"picture":"image/'):
        assert page.count(name) == with_sound
    left_out = 4 - with_sound
    assert (f"{left_out} tracks of the list are without sound" in page) == bool(left_out)
    assert "data/report/index.html: " in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_the_same_run_gives_the_same_bytes() -> None:
    report.main()
    first = contents(REPORT)
    shutil.rmtree(REPORT)
    report.main()
    assert contents(REPORT) == first


@pytest.mark.usefixtures("project")
def test_an_error_leaves_the_last_page(capsys: pytest.CaptureFixture[str]) -> None:
    report.main()
    capsys.readouterr()
    before = contents(REPORT)
    CLIP_PREDICTIONS.unlink()
    with pytest.raises(SystemExit) as caught:
        run_stage(report.main)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"error: {CLIP_PREDICTIONS} is missing; run `dvc repro`\n"
    assert contents(REPORT) == before
