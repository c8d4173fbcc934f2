"""Sounds and pictures of a page: files beside it, or within it."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from pipeline.audio import encode
from pipeline.audio.clips import from_pcm
from pipeline.audio.encode import OpusEncoder
from pipeline.base.files import digest
from pipeline.base.parallel import map_tracks
from pipeline.base.types import Array
from pipeline.features.shared.feature import (
    Feature,
    SpectralFeature,
    described_feature,
    strongest_tags,
)
from pipeline.features.shared.spectra import decibels, mel_power, resample_area
from pipeline.pages.listening import Media
from pipeline.store.addresses import recipe_address
from pipeline.store.cache import machine_cache
from pipeline.store.store import Store

HEIGHT, WIDTH = 128, 1600  # pixels at most
CURVE = 96, 96  # pixels: height, and width for each clip
COLOUR_MAP, CURVE_COLOUR = "magma", (252, 253, 191)
DYNAMIC_DB = 80
PICTURE_MIME = "image/webp"
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


SUFFIXES = {encode.MIME: ".ogg", PICTURE_MIME: ".webp"}
SOUNDS = "sounds"  # where the cache has what was encoded before

# Keeps a file's content of a MIME type, and returns the address by which a page finds it.
Keep = Callable[[bytes, str], str]


def beside(folder: Path) -> Keep:
    """Keep files in `folder`, the page's own, named after their content."""

    def keep(content: bytes, mime: str) -> str:
        kind = mime.partition("/")[0]
        path = folder / kind / f"{hashlib.sha256(content).hexdigest()[:20]}{SUFFIXES[mime]}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path.relative_to(folder).as_posix()

    return keep


def inside(content: bytes, mime: str) -> str:
    """Keep a file within the page, as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


class Sounds:
    """Encodes the tracks of a store of clips, each once for all pages.

    Parameters
    ----------
    store : Store
    keep : Keep
    """

    def __init__(self, store: Store, keep: Keep) -> None:
        self.store, self.keep = store, keep
        self.encoder = OpusEncoder(int(store.description["sample_rate"]))
        self._recipe = recipe_address(self.encoder)
        self._cache = machine_cache()

    def of(self, track_id: str) -> str:
        """Address of a track's sound in the page."""
        return self.keep(self._encoded(track_id), encode.MIME)

    def _encoded(self, track_id: str) -> bytes:
        address = digest(self._recipe, self.store.digest(track_id))
        folder = self._cache.folder(SOUNDS, address)
        if folder is None:
            content = self.encoder(_clips(self.store, track_id))
            folder = self._cache.publish_folder(SOUNDS, address, partial(_write, content))
        return (folder / "sound.ogg").read_bytes()


class Studio:
    """Encodes and draws the tracks of the stores of clips and of a feature.

    Parameters
    ----------
    sound, rows : Store
    keep : Keep
    """

    def __init__(self, sound: Store, rows: Store, keep: Keep) -> None:
        self.sound, self.rows, self.keep = sound, rows, keep
        self.sounds = Sounds(sound, keep)
        self.feature = described_feature(rows.description)
        self.painter = Painter(self.feature, rows.shape[1:], self.sounds.encoder.sample_rate)

    def media(self, track_id: str) -> Media:
        """Sound and picture of a track."""
        return Media(self.sounds.of(track_id), self._picture(track_id))

    def tags(self, track_id: str) -> list[str]:
        """The strongest tags of a track, where the feature has tags."""
        if not (self.feature and self.feature.tag_names) or track_id not in self.rows:
            return []
        rows = _clips(self.rows, track_id)
        tags = np.concatenate([self.feature.tags(row[np.newaxis]) for row in rows])
        return strongest_tags(self.feature.tag_names, tags)

    def all_media(self, track_ids: list[str]) -> dict[str, Media]:
        """The media of many tracks, by track id."""
        # Threads will do: encoding leaves the interpreter.
        found = map_tracks(
            self.media, track_ids, total=len(track_ids), label="sound and pictures", light=True
        )
        return dict(zip(track_ids, found, strict=True))

    def _picture(self, track_id: str) -> str:
        if track_id not in self.rows:
            return ""
        rows, pcm = _clips(self.rows, track_id), _clips(self.sound, track_id)
        drawn = self.painter.paint(rows, pcm, self.sound.clips(track_id))
        return self.keep(drawn, PICTURE_MIME)


@contextmanager
def open_studio(clips: Path, features: Path, keep: Keep) -> Iterator[Studio]:
    """The studio for the stores `clips` and `features`."""
    with Store(clips) as sound, Store(features) as rows:
        yield Studio(sound, rows, keep)


def _clips(store: Store, track_id: str) -> Iterator[Array]:
    span = store.span(track_id)
    return (store[row : row + 1][0] for row in range(span.start, span.stop))


def _write(content: bytes, folder: Path) -> None:
    (folder / "sound.ogg").write_bytes(content)
