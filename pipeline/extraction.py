"""Recipe: a track's PCM clips -> the rows of a feature."""

from dataclasses import dataclass

import numpy as np

from pipeline.features import Array, Feature
from pipeline.pcm import Pcm, from_pcm
from pipeline.result import Result


@dataclass(frozen=True)
class ExtractFeature:
    """Recipe: int16 clips of shape (n, samples) -> one row of the feature a clip.

    Attributes
    ----------
    feature : Feature
    sample_rate : int
        In Hz.
    """

    feature: Feature
    sample_rate: int

    def __call__(self, pcm: Pcm) -> Result:
        """Rows in the feature's own shape and dtype."""
        # Clip by clip, for arrays that are small enough to come from memory that was just freed.
        rows = [self.feature(from_pcm(clip[np.newaxis]), self.sample_rate) for clip in pcm]
        return Result({}, np.concatenate(rows))

    def template(self, clip_samples: int) -> Array:
        """An array of no rows, of the shape and dtype of all."""
        return self.feature(np.zeros((1, clip_samples), np.float32), self.sample_rate)[:0]
