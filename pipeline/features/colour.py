"""The feature `colour`: a spectrogram as a coloured picture, as matplotlib draws it."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.base.types import STRICT, Array
from pipeline.features.shared.feature import ColourMap, Decibels, PictureFeature
from pipeline.features.shared.spectra import averaged_db, draw


@dataclass(frozen=True, config=STRICT)
class Colour(PictureFeature):
    """Spectrogram as matplotlib's `specgram` draws it, lowest frequency in the first row.

    Power spectral density with NumPy's Hanning window (`matplotlib.mlab.specgram`), in dB,
    averaged over areas to `height` x `width`, and coloured over the clip's own range as `imshow`
    does. uint8 loses nothing, since matplotlib's colour maps have 256 colours.
    """

    unit = "RGB"

    min_db: Decibels
    colour_map: ColourMap

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8 RGB, shape (n, height, width, 3)."""
        window = np.hanning(self.n_fft).astype(np.float32)
        size = (self.height, self.width)
        db = averaged_db(clips, sample_rate, window, self.hop_length, self.min_db, size)
        return draw(db, self.colour_map)
