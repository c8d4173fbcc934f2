"""What Numba compiles, in an environment where it has compiled nothing yet."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, Shell

# What is kept from here on, as Numba itself reports it, comes after the line "compiled".
SCRIPT = """
import numpy as np
from pipeline.augmentation.sounds import PitchShift, TimeStretch
from pipeline.base.compilation import compile_librosa
from pipeline.features.descriptors import Descriptors

compile_librosa()
print("compiled")
sound = np.random.default_rng(1).normal(size=(1, 22_050)).astype(np.float32)
Descriptors(2048, 512, 20)(sound, 22_050)
PitchShift.apply(sound[0], {"semitones": 1.0})
TimeStretch.apply(sound[0], {"rate": 0.9})
"""


@pytest.mark.slow
def test_one_process_compiles_all_that_is_called_and_another_waits_for_it(tmp_path: Path) -> None:
    settings = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DEBUG_CACHE": "1", "NUMBA_OPT": "0"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    parts = [process.communicate()[0].split("compiled\n") for process in both]
    assert sorted("data saved" in before for before, _ in parts) == [False, True]
    assert not any("data saved" in after for _, after in parts)


# A user whom the system does not know, and who may write to nothing outside of one folder.
STRANGER = """
import os, pwd
def unknown(user):
    raise KeyError(user)
pwd.getpwuid, os.access = unknown, lambda path, mode: str(path).startswith({folder!r})
import pipeline, librosa.util.files, matplotlib
print(os.environ["NUMBA_CACHE_DIR"], os.environ["MPLCONFIGDIR"], matplotlib.get_cachedir())
"""


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "", "/"])
@pytest.mark.parametrize("cache", ["cache", "file/cache"])
def test_libraries_keep_their_files_where_they_can_be_written(
    home: str | None, cache: str, tmp_path: Path
) -> None:
    """Without a cache that can be written, that is a folder which goes with the process."""
    (tmp_path / "file").touch()
    shell = Shell(ROOT, PIPELINE_CACHE=str(tmp_path / cache), TMPDIR=str(tmp_path))
    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        shell.environment.pop(name, None)
    shell.environment |= {} if home is None else {"HOME": home}
    used = shell.run("python", "-c", STRANGER.format(folder=str(tmp_path))).split()
    if cache == "cache":
        assert used == [str(tmp_path / "cache" / "libraries")] * 3
    else:
        assert len(set(used)) == 1
        assert re.fullmatch(f"{tmp_path}/genre-pipeline-\\w+", used[0])
        assert not Path(used[0]).exists()
