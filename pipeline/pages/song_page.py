"""The page of songs of one's own: their sound, their pictures, and the genres along the time.

It is one file, which holds the sound as well, so that it can be sent to somebody.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import Pcm
from pipeline.audio.decode import open_clips
from pipeline.base.cli import counted
from pipeline.base.files import replacing
from pipeline.base.types import Array
from pipeline.pages.media import MediaMaker, Save, inside
from pipeline.pages.render import render
from pipeline.pages.track_list import Media, unlabelled_track
from pipeline.prediction.classifier import Prediction, recipe_of
from pipeline.training.trained import Description

MOST = 50  # songs with sound and pictures, about 60 MB
BATCH = 16  # clips in memory


def write_song_page(
    page: Path, predictions: Mapping[Path, Prediction], description: Description, models: int
) -> None:
    """Write the page of some audio files.

    Parameters
    ----------
    page : Path
        Of the HTML file.
    predictions : mapping of Path to Prediction
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
    media, names = FileMedia(description, inside), _names(predictions)
    tracks = []
    for number, (path, predicted) in enumerate(predictions.items()):
        clips = len(predicted.clips)
        track = unlabelled_track(names[path], predicted.clips, predicted.tags)
        tracks.append(track.as_data(media.of(path, clips) if number < MOST else Media()))
    data = {
        "genres": description.genres,
        "seconds": description.store["seconds"],
        "picture": media.maker.caption(description.feature),
        "sets": [{"name": "Songs", "order": "as they were given", "tracks": tracks}],
    }
    title = tracks[0]["id"] if len(tracks) == 1 else f"{len(tracks)} songs"
    facts = {
        "model": description.model,
        "feature": description.feature,
        "mean of": f"{counted(models, 'model')} and all clips",
        "genres": ", ".join(description.genres),
    }
    with replacing(page) as file:
        file.write(render("song.html.j2", title=title, facts=facts, data=data))


class FileMedia:
    """Sounds and pictures of audio files, of which a few clips are in memory at a time.

    Parameters
    ----------
    description : Description
        What the models were trained on.
    save : Save
    """

    def __init__(self, description: Description, save: Save) -> None:
        self._recipe, self._clip_samples = recipe_of(description)
        self._rate = self._recipe.sample_rate
        template = self._recipe.feature.template(self._clip_samples, self._rate)
        self.maker = MediaMaker(self._recipe.feature, template.shape[1:], self._rate, save)

    def of(self, path: Path, clips: int) -> Media:
        """The sound and the picture of a file that has so many clips."""
        sound = self.maker.sound(self._pcm(path))
        return Media(sound, self.maker.picture(self._rows(path), self._pcm(path), clips))

    def _batches(self, path: Path) -> Iterator[Pcm]:
        with open_clips(path, self._rate, self._clip_samples, BATCH) as (_, batches):
            yield from batches

    def _pcm(self, path: Path) -> Iterator[Pcm]:
        return (clip for batch in self._batches(path) for clip in batch)

    def _rows(self, path: Path) -> Iterator[Array]:
        for batch in self._batches(path):
            with threadpool_limits(1):
                rows = np.asarray(self._recipe(batch).rows)
            yield from rows


def _names(paths: Collection[Path]) -> dict[Path, str]:
    """Names of files, or their paths where two have the same name."""
    count = Counter(path.name for path in paths)
    names = {path: path if count[path.name] > 1 else path.name for path in paths}
    return {
        path: os.fsencode(name).decode("utf-8", "backslashreplace") for path, name in names.items()
    }
