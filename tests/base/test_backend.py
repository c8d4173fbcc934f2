"""Keras is set up by the project and the environment, not by the user's own file."""

import json
import os
import subprocess
import sys
from pathlib import Path

from project import ROOT

SHOW = """
from pipeline.base.backend import keras
config = keras.config
print(config.backend(), config.floatx(), config.epsilon(), config.image_data_format())
"""


def test_the_users_file_of_keras_has_no_part_in_a_result(tmp_path: Path) -> None:
    settings = {
        "backend": "torch",
        "floatx": "float64",
        "epsilon": 0.1,
        "image_data_format": "channels_first",
    }
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment |= {"KERAS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SHOW]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["tensorflow", "float32", "1e-07", "channels_last"]
