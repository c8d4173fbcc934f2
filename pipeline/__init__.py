"""The genre pipeline: one file for each stage and command, and a package for each concept.

`python -m pipeline` lists the stages and commands.
"""

# The one `__init__.py` that does something, as every stage and every worker begins with this file:
# with a Python that lacks the packages, they would end in a traceback between DVC's lines.
import importlib.util
import sys

if not all(map(importlib.util.find_spec, ("h5py", "keras", "librosa"))):
    sys.exit(
        f"error: {sys.executable} lacks the packages of this project; activate the environment "
        "that `make setup` makes: . .venv/bin/activate"
    )

from pipeline.base.compilation import use_writable_folders

use_writable_folders()
