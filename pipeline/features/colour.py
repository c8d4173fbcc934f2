"""The feature `colour`: a coloured picture of a spectrogram, as matplotlib draws it."""

import numpy as np
from pydantic.dataclasses import dataclass

from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT
from pipeline.features.shared.feature import ColourMap, Pixels, SpectralFeature
from pipeline.features.shared.pictures import averaged_db, draw


@dataclass(frozen=True, config=STRICT)
class Colour(SpectralFeature):
    """Spectrogram as matplotlib's `specgram` draws it, lowest frequency in the first row.

    Power spectral density with NumPy's Hanning window (`matplotlib.mlab.specgram`), in dB,
    averaged to `height` x `width`, drawn through the colour map over the clip's own range as
    `imshow` does. uint8: the 256 colours that matplotlib's maps have, so nothing is lost.
    """

    unit = "RGB"

    height: Pixels
    width: Pixels
    min_db: float
    colour_map: ColourMap

    def __call__(self, clips: Array, sample_rate: int) -> Array:
        """Return uint8 RGB of shape (n, height, width, 3)."""
        window = np.hanning(self.n_fft).astype(np.float32)
        return draw(
            averaged_db(
                clips, sample_rate, window, self.hop_length, self.min_db, (self.height, self.width)
            ),
            self.colour_map,
        )
