"""The stage: samples in the mode that makes some, nothing left over in others, and old or new."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents import write_params
from helpers import OFFLINE, SMALL, run_main, write_project
from project import ROOT, contents

from pipeline import augment
from pipeline.augmentation.samples import TABLE, read_samples
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, SHEET
from pipeline.store.build import replacing_folder

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small project as the working directory; the sheet has tests of its own."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    monkeypatch.setattr(augment, "write_sheet", lambda *arguments: arguments[-1].touch())


def run(**changes: object) -> list[str]:
    """What the stage leaves in the folder, with these parameters of the section."""
    write_params(Path(), {**SMALL, **{f"augment.{key}": value for key, value in changes.items()}})
    SHEET.unlink(missing_ok=True)
    run_main(augment.main)
    assert SHEET.is_file()
    return sorted(path.name for path in AUGMENTED.iterdir())


def test_only_the_mode_offline_makes_samples_and_the_others_leave_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(mode="none") == [TABLE]
    assert read_samples(AUGMENTED) == []
    assert run(mode="offline", kinds=["stretch", "blur"]) == ["blur", TABLE, "stretch"]
    assert len(read_samples(AUGMENTED)) == 24
    assert capsys.readouterr().out.endswith("24 new samples in data/augmented\n")
    first = contents(AUGMENTED)
    assert run(mode="offline", kinds=["blur"]) == ["blur", TABLE]
    assert run(mode="inline", kinds=["blur"]) == [TABLE]
    empty = contents(AUGMENTED)
    assert run(mode="none", copies=3) == [TABLE]
    assert contents(AUGMENTED) == empty
    run(mode="offline", kinds=["stretch", "blur"])
    assert contents(AUGMENTED) == first


@pytest.mark.parametrize("mode", ["offline", "none"])
def test_second_run_is_refused_and_the_old_samples_stay(mode: str) -> None:
    run(mode="offline", kinds=["blur"])
    before = contents(AUGMENTED)
    with replacing_folder(AUGMENTED):
        expected = rf"^data/augmented is being written by process {os.getpid()}; wait until it ends"
        with pytest.raises(PipelineError, match=expected):
            run(mode=mode, kinds=["stretch"])
        assert contents(AUGMENTED) == before


# The stage, which is killed when all samples are made and only their table is missing.
KILLED = """
import os, signal
from pipeline import augment
from pipeline.augmentation import offline
offline.write_samples = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
augment.main()
"""


def test_killed_run_leaves_the_old_samples() -> None:
    run(mode="offline", kinds=["blur"])
    before = contents(AUGMENTED)
    write_params(Path(), {**SMALL, **OFFLINE})
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_WORKERS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, capture_output=True, check=False
    )
    assert done.returncode < 0, done.stderr
    assert contents(AUGMENTED) == before
    names = run(**{key.removeprefix("augment."): value for key, value in OFFLINE.items()})
    assert names == sorted([*OFFLINE["augment.kinds"], TABLE])
