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
        return Result({}, self.feature(from_pcm(pcm), self.sample_rate))

    def template(self, clip_samples: int) -> Array:
        """An array of no rows, of the shape and dtype of all."""
        return self.feature(np.zeros((1, clip_samples), np.float32), self.sample_rate)[:0]
