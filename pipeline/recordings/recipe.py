"""Compute a track's acoustic fingerprint from its PCM clips, one row for each clip."""

from dataclasses import dataclass

import numpy as np

from pipeline.audio.pcm import Pcm
from pipeline.recordings.fingerprint import FRAMES_PER_SECOND, Fingerprint, fingerprint
from pipeline.store.results import Result


@dataclass(frozen=True)
class FingerprintTrack:
    """Recipe that turns int16 clips of shape (n, samples) into the frames that begin in each.

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
