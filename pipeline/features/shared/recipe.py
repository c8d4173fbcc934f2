"""The recipe that computes a track's feature rows from its PCM clips."""

from dataclasses import dataclass

import numpy as np

from pipeline.audio.pcm import Pcm, from_pcm
from pipeline.features.shared.feature import Feature
from pipeline.store.results import Result


@dataclass(frozen=True)
class ExtractFeature:
    """Recipe that turns int16 clips, shape (n, samples), into one feature row for each clip.

    Attributes
    ----------
    feature : Feature
    sample_rate : int
        In Hz.
    """

    feature: Feature
    sample_rate: int

    def __call__(self, pcm: Pcm) -> Result:
        """Return rows with the shape and dtype of the feature."""
        # One clip at a time: arrays this small are allocated from memory that was just freed.
        rows = [self.feature(from_pcm(clip[np.newaxis]), self.sample_rate) for clip in pcm]
        return Result({}, np.concatenate(rows))
