"""Folders that go with the process that needs them, however it ends."""

import subprocess
import sys
from pathlib import Path

from project import ROOT

from pipeline.trials.trial import scratch_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.trials.trial import scratch_folder
with scratch_folder(Path(sys.argv[1]), "work") as folder:
    (folder / "file").write_text("large")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_and_what_others_work_in_stays(tmp_path: Path) -> None:
    (tmp_path / "work-of-mine").mkdir()
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, check=False)
    assert killed.returncode == -9
    [left] = tmp_path.glob("work-*/file")
    with scratch_folder(tmp_path, "work") as one, scratch_folder(tmp_path, "work") as other:
        assert not left.parent.exists()
        assert one.is_dir()
        assert other.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["work-of-mine"]
