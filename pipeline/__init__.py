"""The genre pipeline: one file for each stage and command, and a package for each concept.

`python -m pipeline` lists the stages and commands. For a script or a notebook in any folder:

>>> from pipeline import Classifier, load_features
>>> Classifier.load().predict("song.mp3").genre
>>> rows, columns = load_features("mel")

`help` says what each of them takes and returns.
"""

# The one `__init__.py` that does something, as every stage and every worker begins with this file:
# with a Python that lacks the packages, they would end in a traceback between DVC's lines.
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if not all(map(importlib.util.find_spec, ("h5py", "keras", "librosa"))):
    sys.exit(
        f"error: {sys.executable} lacks the packages of this project; activate the environment "
        "that `make setup` makes: . .venv/bin/activate"
    )

from pipeline.base.compilation import use_writable_folders

use_writable_folders()

if TYPE_CHECKING:
    from pipeline.folds.labelled import load_features
    from pipeline.prediction.classifier import Classifier

__all__ = ["Classifier", "load_features"]
_MODULES = {"Classifier": "prediction.classifier", "load_features": "folds.labelled"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: the stages do not wait for what they need not."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"pipeline.{_MODULES[name]}"), name)
