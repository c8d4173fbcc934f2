"""The stage: new samples in the mode that makes some, and nothing left over in the others."""

from pathlib import Path

import pytest
from helpers import SMALL, contents, write_params, write_project

from pipeline import augment
from pipeline.augmentation.samples import TABLE, read_samples
from pipeline.base.paths import AUGMENTED, SHEET

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small project as the working directory; the sheet has a test of its own."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    monkeypatch.setattr(augment, "write_sheet", lambda _params, _tracks, path: path.touch())


def run(**changes: object) -> list[str]:
    """What the stage leaves in the folder."""
    write_params(Path(), {**SMALL, **{f"augment.{key}": value for key, value in changes.items()}})
    SHEET.unlink(missing_ok=True)
    augment.main()
    assert SHEET.is_file()
    return sorted(path.name for path in AUGMENTED.iterdir())


def test_only_the_mode_offline_makes_samples_and_no_other_leaves_any(
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
