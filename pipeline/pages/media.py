"""Sounds and pictures of tracks for a page: files beside it, or within it."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from pipeline.audio import encode
from pipeline.audio.clips import Pcm, from_pcm
from pipeline.audio.encode import SoundEncoder
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
from pipeline.pages.track_list import Media
from pipeline.store.addresses import recipe_address
from pipeline.store.cache import machine_cache
from pipeline.store.store import Store

HEIGHT, WIDTH = 128, 1600  # pixels at most
CURVE = 96, 96  # pixels: height, and width for each clip
COLOUR_MAP, CURVE_COLOUR = "magma", (252, 253, 191)
DYNAMIC_DB = 80
PICTURE_MIME = "image/webp"
QUALITY = 70  # of WebP, from 0 to 100
SUFFIXES = {encode.MIME: ".ogg", PICTURE_MIME: ".webp"}
SOUNDS = "sounds"  # where the cache has what was encoded before

# Saves content of a MIME type, and returns its address in the page.
Save = Callable[[bytes, str], str]


def beside(folder: Path) -> Save:
    """Save files in `folder`, the page's own, named after their content."""

    def save(content: bytes, mime: str) -> str:
        kind = mime.partition("/")[0]
        path = folder / kind / f"{hashlib.sha256(content).hexdigest()[:20]}{SUFFIXES[mime]}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path.relative_to(folder).as_posix()

    return save


def inside(content: bytes, mime: str) -> str:
    """Save content within the page, as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


class MediaMaker:
    """Encodes the sounds and draws the pictures of a page.

    A picture shows the rows of the feature, or mel spectrograms of the sound where rows are
    neither pictures nor values over time.

    Parameters
    ----------
    feature : Feature or None
        None for a feature of the user's own.
    shape : tuple of int
        Of a row.
    sample_rate : int
        Of the clips, in Hz.
    save : Save
    """

    def __init__(
        self, feature: Feature | None, shape: tuple[int, ...], sample_rate: int, save: Save
    ) -> None:
        self.feature, self.save, self.encoder = feature, save, SoundEncoder(sample_rate)
        self._draws_rows = len(shape) == 3 and shape[-1] in (1, 3)
        self._draws_curve = len(shape) == 1 and isinstance(feature, SpectralFeature)

    def caption(self, name: str) -> str:
        """Caption of the pictures: `name`, that of the feature, if they show its rows."""
        return name if self._draws_rows or self._draws_curve else "mel spectrogram"

    def sound(self, pcm: Iterable[Pcm]) -> str:
        """Encode clips, one after another, and return the address of the sound."""
        return self.save(self.encoder(pcm), encode.MIME)

    def picture(self, rows: Iterable[Array], pcm: Iterable[Pcm], clips: int) -> str:
        """Draw clips from left to right, and return the address of the picture.

        Parameters
        ----------
        rows : iterable of arrays
            Feature rows of the clips.
        pcm : iterable of int16 arrays, shape (samples,)
        clips : int
            Number of the clips.
        """
        width = max(1, WIDTH // clips)
        if self._draws_curve:
            picture = _curve(rows, min(width, CURVE[1]))
        else:
            planes = rows if self._draws_rows else map(self._mel, pcm)
            joined = np.concatenate(list(_narrowed(planes, width)), axis=1)
            picture = _coloured(joined, self._steps_per_db)[::-1]
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(picture)).save(file, "WEBP", quality=QUALITY)
        return self.save(file.getvalue(), PICTURE_MIME)

    @property
    def _steps_per_db(self) -> float | None:
        if not self._draws_rows:
            return 1.0
        return self.feature.steps_per_db if self.feature else None

    def _mel(self, clip: Pcm) -> Array:
        rate = self.encoder.sample_rate
        power = mel_power(from_pcm(clip), rate, 1024, 512, 64, 0.0, rate / 2)
        return decibels(power, -100.0)[..., np.newaxis]


class StoreMedia:
    """Sounds, pictures and tags of the tracks in a store of clips and one of feature rows.

    Parameters
    ----------
    clips, features : Store
    save : Save
    """

    def __init__(self, clips: Store, features: Store, save: Save) -> None:
        self.clips, self.features = clips, features
        feature = described_feature(features.description)
        rate = int(clips.description["sample_rate"])
        self.maker = MediaMaker(feature, features.shape[1:], rate, save)

    @property
    def caption(self) -> str:
        """Caption of the pictures."""
        return self.maker.caption(str(self.features.description.get("name", "feature")))

    def of(self, track_id: str) -> Media:
        """The sound of a track, and its picture unless the feature lacks the track."""
        sound = encoded_sound(self.clips, track_id, self.maker.encoder)
        address = self.maker.save(sound, encode.MIME)
        if track_id not in self.features:
            return Media(address)
        rows, pcm = _rows(self.features, track_id), _rows(self.clips, track_id)
        return Media(address, self.maker.picture(rows, pcm, self.clips.clips(track_id)))

    def of_all(self, track_ids: Sequence[str]) -> dict[str, Media]:
        """The sounds and pictures of many tracks, by track id."""
        # Threads will do: encoding leaves the interpreter.
        media = map_tracks(
            self.of, track_ids, total=len(track_ids), label="sound and pictures", light=True
        )
        return dict(zip(track_ids, media, strict=True))

    def tags(self, track_id: str) -> list[str]:
        """The strongest tags of a track, where the feature has tags."""
        feature = self.maker.feature
        if not (feature and feature.tag_names) or track_id not in self.features:
            return []
        rows = _rows(self.features, track_id)
        tags = np.concatenate([feature.tags(row[np.newaxis]) for row in rows])
        return strongest_tags(feature.tag_names, tags)


@contextmanager
def open_media(clips: Path, features: Path, save: Save) -> Iterator[StoreMedia]:
    """Open the stores `clips` and `features` for their sounds and pictures."""
    with Store(clips) as of_clips, Store(features) as of_features:
        yield StoreMedia(of_clips, of_features, save)


def encoded_sound(clips: Store, track_id: str, encoder: SoundEncoder) -> bytes:
    """Encode a track of a store of clips, once for all pages."""
    cache = machine_cache()
    address = digest(recipe_address(encoder), clips.digest(track_id))
    folder = cache.folder(SOUNDS, address)
    if folder is None:
        fill = partial(_write_sound, encoder(_rows(clips, track_id)))
        folder = cache.publish_folder(SOUNDS, address, fill)
    return (folder / "sound.ogg").read_bytes()


def _write_sound(content: bytes, folder: Path) -> None:
    (folder / "sound.ogg").write_bytes(content)


def _rows(store: Store, track_id: str) -> Iterator[Array]:
    span = store.span(track_id)
    return (store[row : row + 1][0] for row in range(span.start, span.stop))


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
    """Values over time as a line, over their own range, with `width` pixels for each clip."""
    values = [row.astype(np.float32).ravel() for row in rows]
    level = np.concatenate(values)
    low, high = float(level.min()), float(level.max())
    height, total = CURVE[0], width * len(values)
    x = np.linspace(0, total - 1, len(level))
    y = (height - 5) * (1 - (level - low) / max(high - low, 1e-6)) + 2
    picture = Image.new("RGB", (total, height), tuple(colormaps[COLOUR_MAP](0, bytes=True)[:3]))
    points = list(chain.from_iterable(zip(x.tolist(), y.tolist(), strict=True)))
    ImageDraw.Draw(picture).line(points, fill=CURVE_COLOUR, width=2)
    return np.asarray(picture)
