"""What Numba compiles of librosa, and where Numba and Matplotlib keep files of their own."""

import atexit
import os
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipeline.base.files import cache_folder, locked


def use_writable_folders() -> None:
    """Have Numba and Matplotlib keep their files below the machine's cache if need be.

    Numba keeps what it compiles beside librosa, and Matplotlib its files in the user's home; where
    they cannot, the one fails and the other warns. Variables of the user's own stay.
    """
    if not os.path.isabs(os.environ.get("HOME", os.path.expanduser("~"))):
        os.environ["HOME"] = "/"  # as in a container: without a home, librosa is not imported
    for name, folder in (("NUMBA_CACHE_DIR", _librosa()), ("MPLCONFIGDIR", Path.home())):
        if not (os.environ.get(name) or os.access(folder, os.W_OK)):
            os.environ[name] = _own_folder()


@cache
def _own_folder() -> str:
    """A folder of the machine's cache, or one that goes with this process if it has to be."""
    with suppress(OSError):
        folder = cache_folder() / "libraries"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return str(folder)
    scratch = tempfile.TemporaryDirectory(prefix="genre-pipeline-")
    atexit.register(scratch.cleanup)
    return scratch.name


def _librosa() -> Path:
    """The folder of the package, found without the seconds that an import takes."""
    found = find_spec("librosa")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


@cache
def compile_librosa() -> None:
    """Have Numba compile the functions of librosa that features and kinds of augmentation call.

    This takes half a minute once: Numba keeps them for every later process. One process waits
    here for another, as two that compile at once spoil what is kept, and whatever uses it later
    crashes.
    """
    import numpy as np

    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or _librosa())
    noise = np.random.default_rng(0).normal(size=22_050).astype(np.float32)
    with locked(folder / ".librosa.lock"):
        from librosa.effects import time_stretch
        from librosa.feature import chroma_stft

        chroma_stft(y=noise)
        time_stretch(noise, rate=2.0)
