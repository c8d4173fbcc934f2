"""The page of songs of one's own: their sound, their pictures, and the genres along the time.

It is one file, which holds the sound as well, so that it can be sent to somebody.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from pipeline.audio import encode
from pipeline.audio.clips import Pcm
from pipeline.audio.decode import open_clips
from pipeline.audio.encode import OpusEncoder
from pipeline.base.files import replacing
from pipeline.base.types import Array
from pipeline.features.shared.feature import ExtractFeature, described_feature
from pipeline.pages.listening import Heard, Media, as_data
from pipeline.pages.media import PICTURE_MIME, Painter, inside
from pipeline.pages.render import render
from pipeline.prediction.files import Prediction
from pipeline.training.trained import Description

MOST = 50  # songs with sound and pictures, about 60 MB
BATCH = 16  # clips in memory


def write_song_page(
    page: Path, heard: Mapping[Path, Prediction], description: Description, models: int
) -> None:
    """Write the page of some audio files.

    Parameters
    ----------
    page : Path
        Of the HTML file.
    heard : mapping of Path to Prediction
        What is predicted for each file.
    description : Description
        What the models were trained on.
    models : int
        How many they are.

    Raises
    ------
    Rejection, OSError
        A file is no longer what it was when its genres were predicted.
    """
    genres, store = description.genres, description.store
    booth, names = _Booth(store), _names(heard)
    tracks = [
        as_data(
            _heard(names[path], found, genres),
            genres,
            booth.media(path, len(found.probabilities)) if number < MOST else Media(),
        )
        for number, (path, found) in enumerate(heard.items())
    ]
    listen = {
        "genres": genres,
        "seconds": store["seconds"],
        "picture": booth.painter.caption or store["name"],
        "sets": [{"name": "Songs", "order": "as they were given", "tracks": tracks}],
    }
    title = next(iter(names.values())) if len(names) == 1 else f"{len(names)} songs"
    facts = {
        "model": description.model,
        "feature": description.feature,
        "mean of": f"{models} models" if models > 1 else "1 model",
        "genres": ", ".join(genres),
    }
    with replacing(page) as file:
        file.write(render("song.html.j2", title=title, facts=facts, listen=listen))


def _names(paths: Collection[Path]) -> dict[Path, str]:
    """Names of files, or their paths where two have the same name."""
    often = Counter(path.name for path in paths)
    shown = {path: path if often[path.name] > 1 else path.name for path in paths}
    return {
        path: os.fsencode(name).decode("utf-8", "backslashreplace") for path, name in shown.items()
    }


def _heard(name: str, found: Prediction, genres: Sequence[str]) -> Heard:
    probabilities = found.probabilities
    best = genres[probabilities.mean(axis=0).argmax()]
    votes = [genres[index] for index in probabilities.argmax(axis=1)]
    return Heard(name, "", [best], [], votes, probabilities, tags=found.tags)


class _Booth:
    """Encodes and draws audio files, a few clips at a time."""

    def __init__(self, store: Mapping[str, Any]) -> None:
        self.rate = int(store["sample_rate"])
        self.clip_samples = self.rate * int(store["seconds"])
        feature = described_feature(store)
        assert feature is not None  # or nothing could have been predicted
        self.recipe = ExtractFeature(feature, self.rate)
        shape = feature.template(self.clip_samples, self.rate).shape[1:]
        self.painter = Painter(feature, shape, self.rate)

    def media(self, path: Path, clips: int) -> Media:
        """Sound and picture of a file that has so many clips."""
        sound = OpusEncoder(self.rate)(self._pcm(path))
        picture = self.painter.paint(self._rows(path), self._pcm(path), clips)
        return Media(inside(sound, encode.MIME), inside(picture, PICTURE_MIME))

    def _batches(self, path: Path) -> Iterator[Pcm]:
        with open_clips(path, self.rate, self.clip_samples, BATCH) as (_, batches):
            yield from batches

    def _pcm(self, path: Path) -> Iterator[Pcm]:
        return (clip for batch in self._batches(path) for clip in batch)

    def _rows(self, path: Path) -> Iterator[Array]:
        for batch in self._batches(path):
            with threadpool_limits(1):
                rows = self.recipe(batch).rows
            assert rows is not None
            yield from rows
