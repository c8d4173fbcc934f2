"""Sounds and pictures of a page: files beside it, or within it."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.audio import encode
from pipeline.audio.encode import OpusEncoder
from pipeline.base.arrays import Array
from pipeline.base.digests import digest
from pipeline.base.parallel import map_tracks
from pipeline.features.params import described_feature
from pipeline.features.shared.tags import strongest_tags
from pipeline.pages import pictures
from pipeline.pages.pictures import Painter
from pipeline.store.addresses import recipe_address
from pipeline.store.cache import machine_cache
from pipeline.store.store import Store

SUFFIXES = {encode.MIME: ".ogg", pictures.MIME: ".webp"}
SOUNDS = "sounds"  # where the cache has what was encoded before

# Keeps a file's content of a MIME type, and returns the address by which a page finds it.
Keep = Callable[[bytes, str], str]


@dataclass(frozen=True)
class Media:
    """Addresses of a track's sound and picture in a page; empty where it has none."""

    sound: str = ""
    picture: str = ""


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
        return self.keep(drawn, pictures.MIME)


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
