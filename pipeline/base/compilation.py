"""What Numba compiles of librosa."""

import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from filelock import FileLock


@cache
def compile_librosa() -> None:
    """Have Numba compile the functions of librosa that features and kinds of augmentation call.

    This takes half a minute once: Numba keeps them beside librosa for every later process. One
    process waits here for another, as two that compile at once spoil what is kept, and whatever
    uses it later crashes.
    """
    import librosa

    folder = Path(librosa.__file__).parent
    writable = os.access(folder, os.W_OK)  # elsewhere, Numba keeps them for each user
    noise = np.random.default_rng(0).normal(size=22_050).astype(np.float32)
    with FileLock((folder if writable else Path(tempfile.gettempdir())) / ".librosa.lock"):
        from librosa.effects import time_stretch
        from librosa.feature import chroma_stft

        chroma_stft(y=noise)
        time_stretch(noise, rate=2.0)
