"""The feature `grey`: a spectrogram in dB as a grey picture."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.base.errors import ParamsError
from pipeline.base.types import STRICT, Array
from pipeline.features.shared.feature import Decibels, PictureFeature
from pipeline.features.shared.spectra import averaged_db, hann, to_bytes


@dataclass(frozen=True, config=STRICT)
class Grey(PictureFeature):
    """Spectrogram in dB as a one-channel picture, lowest frequency in the first row.

    Power spectral density as computed by `scipy.signal.spectrogram(window="hann",
    detrend=False)`, in dB re full scale squared per Hz, averaged over areas to `height` x
    `width`, and scaled so that `min_db` is 0 and `max_db` is 255. Rounding to uint8 changes it
    by at most half a step, (max_db - min_db) / 510 dB.
    """

    unit = "dB from min_db to max_db in 255 steps"

    min_db: Decibels
    max_db: Decibels

    @property
    def steps_per_db(self) -> float:
        """By how much a row's values rise per dB."""
        return 255 / (self.max_db - self.min_db)

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8, shape (n, height, width, 1)."""
        window, size = hann(self.n_fft), (self.height, self.width)
        db = averaged_db(clips, sample_rate, window, self.hop_length, self.min_db, size)
        scaled = (db - self.min_db) / (self.max_db - self.min_db)
        return to_bytes(scaled)[..., np.newaxis]

    def check(self, key: str, clip_samples: int, sample_rate: int) -> None:
        """Require, besides what every spectrum needs, that black is below white."""
        super().check(key, clip_samples, sample_rate)
        if not self.min_db < self.max_db:
            raise ParamsError(
                f"{key}.max_db = {self.max_db}: should be above min_db ({self.min_db})"
            )
