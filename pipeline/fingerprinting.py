"""Recipe: a track's PCM clips -> its acoustic fingerprint, a row a clip."""

from dataclasses import dataclass

import numpy as np

from pipeline.acoustic import FRAMES_PER_SECOND, Fingerprint, fingerprint
from pipeline.pcm import Pcm
from pipeline.result import Result


@dataclass(frozen=True)
class FingerprintTrack:
    """Recipe: int16 clips of shape (n, samples) -> the frames that begin in each clip.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    """

    sample_rate: int

    def __call__(self, pcm: Pcm) -> Result:
        """Rows uint32, shape (n, frames of a clip): one behind the other, the fingerprint."""
        found = fingerprint(pcm.reshape(-1), self.sample_rate)
        return Result({}, found.reshape(len(pcm), -1))

    def template(self, clip_samples: int) -> Fingerprint:
        """An array of no rows, of the shape and dtype of all."""
        frames = clip_samples * FRAMES_PER_SECOND // self.sample_rate
        return np.empty((0, frames), np.uint32)
