"""The recipe that computes a track's acoustic fingerprint from its PCM clips."""

from dataclasses import dataclass

import numpy as np

from pipeline.audio.pcm import Pcm
from pipeline.recordings.fingerprint import FRAMES_PER_SECOND, Fingerprint, fingerprint
from pipeline.store.results import Result


@dataclass(frozen=True)
class FingerprintTrack:
    """Recipe that turns int16 clips, shape (n, samples), into the frames that begin in each clip.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    """

    sample_rate: int

    def __call__(self, pcm: Pcm) -> Result:
        """Return uint32 rows, shape (n, frames in a clip), which concatenate to the fingerprint."""
        found = fingerprint(pcm.reshape(-1), self.sample_rate)
        return Result({}, found.reshape(len(pcm), -1))

    def template(self, clip_samples: int) -> Fingerprint:
        """Return an empty array, shape (0, frames in a clip), with the dtype of the rows."""
        frames = clip_samples * FRAMES_PER_SECOND // self.sample_rate
        return np.empty((0, frames), np.uint32)
