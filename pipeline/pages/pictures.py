"""Pictures of a track's clips one after another, low frequencies at the bottom."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from pipeline.audio.pcm import from_pcm
from pipeline.base.arrays import Array
from pipeline.features.shared.feature import Feature, SpectralFeature
from pipeline.features.shared.pictures import resample_area
from pipeline.features.shared.spectra import decibels, mel_power

HEIGHT, WIDTH = 128, 1600  # pixels at most
CURVE = 96, 96  # pixels: height, and width for each clip
COLOUR_MAP, CURVE_COLOUR = "magma", (252, 253, 191)
DYNAMIC_DB = 80
MIME = "image/webp"
QUALITY = 70  # of WebP, from 0 to 100


@dataclass(frozen=True)
class Painter:
    """Draws the rows of a feature, or mel spectrograms of the sound where rows are no picture.

    Attributes
    ----------
    feature : Feature or None
        None for a feature of the user's own.
    shape : tuple of int
        Of a row.
    sample_rate : int
        Of the clips, in Hz.
    """

    feature: Feature | None
    shape: tuple[int, ...]
    sample_rate: int

    @property
    def draws_rows(self) -> bool:
        """Whether a row is a picture, or values over time."""
        return self._is_picture or self._is_curve

    @property
    def caption(self) -> str:
        """What the pictures are of."""
        return "" if self.draws_rows else "mel spectrogram"

    def paint(self, rows: Iterable[Array], pcm: Iterable[Array], clips: int) -> bytes:
        """Draw the clips of a track, of which there are `clips`, as WebP.

        Parameters
        ----------
        rows : iterable of arrays of `shape`
        pcm : iterable of int16 arrays, shape (samples,)
        """
        width = max(1, WIDTH // clips)
        if self._is_curve:
            return webp(_curve(rows, min(width, CURVE[1])))
        pictures = rows if self._is_picture else map(self._mel, pcm)
        picture = np.concatenate(list(_narrowed(pictures, width)), axis=1)
        return webp(_coloured(picture, self._steps_per_db)[::-1])

    @property
    def _is_picture(self) -> bool:
        return len(self.shape) == 3 and self.shape[-1] in (1, 3)

    @property
    def _is_curve(self) -> bool:
        return len(self.shape) == 1 and isinstance(self.feature, SpectralFeature)

    @property
    def _steps_per_db(self) -> float | None:
        if not self._is_picture:
            return 1.0
        return self.feature.steps_per_db if self.feature else None

    def _mel(self, clip: Array) -> Array:
        bands = (1024, 512, 64, 0.0, self.sample_rate / 2)
        return decibels(mel_power(from_pcm(clip), self.sample_rate, *bands), -100.0)[..., None]


def webp(picture: Array) -> bytes:
    """Encode uint8 RGB, shape (height, width, 3)."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "WEBP", quality=QUALITY)
    return file.getvalue()


def _narrowed(pictures: Iterable[Array], width: int) -> Iterator[Array]:
    """Float32 pictures, each averaged over areas to at most HEIGHT rows and `width` columns."""
    for picture in pictures:
        rows, columns, channels = picture.shape
        size = min(rows, HEIGHT), min(columns, width)
        planes = [picture[..., each].astype(np.float32) for each in range(channels)]
        yield np.stack([resample_area(plane, *size) for plane in planes], axis=-1)


def _coloured(picture: Array, steps_per_db: float | None) -> Array:
    """The picture as uint8 RGB; one plane is coloured, and of decibels the loudest 80 are seen."""
    if picture.shape[-1] == 1:
        low, high = float(picture.min()), float(picture.max())
        if steps_per_db:
            low = max(low, high - DYNAMIC_DB * steps_per_db)
        scaled = np.clip((picture[..., 0] - low) / max(high - low, 1e-6), 0, 1)
        picture = colormaps[COLOUR_MAP](scaled, bytes=True)[..., :3]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _curve(rows: Iterable[Array], width: int) -> Array:
    """Values over time as a line, over their own range."""
    values = [row.astype(np.float32).ravel() for row in rows]
    low = min(float(row.min()) for row in values)
    span = max(max(float(row.max()) for row in values) - low, 1e-6)
    height, total = CURVE[0], width * len(values)
    picture = Image.new("RGB", (total, height), tuple(colormaps[COLOUR_MAP](0, bytes=True)[:3]))
    level = np.concatenate(values)
    x = np.linspace(0, total - 1, len(level))
    y = (height - 5) * (1 - (level - low) / span) + 2
    points = list(chain.from_iterable(zip(x.tolist(), y.tolist(), strict=True)))
    ImageDraw.Draw(picture).line(points, fill=CURVE_COLOUR, width=2)
    return np.asarray(picture)
