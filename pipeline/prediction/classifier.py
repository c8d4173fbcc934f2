"""`Classifier`: what saved models predict for an audio file, or for an array of its samples."""

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import SegmentParams
from pipeline.audio.decode import open_clips
from pipeline.base.errors import PipelineError
from pipeline.base.files import TRAINED
from pipeline.base.params import choice, parse
from pipeline.base.types import Array
from pipeline.evaluation.predictions import mean
from pipeline.features.shared.feature import ExtractFeature, described_feature, strongest_tags
from pipeline.prediction.ensemble import PREDICT_ROWS, Models, load_models, predict_clips
from pipeline.store.addresses import ROOT
from pipeline.training.trained import Description

MOST_VALUES = 1 << 22  # of a row, so that a batch of them takes 1 GiB


@dataclass(frozen=True)
class Prediction:
    """The genres of a sound, as a whole and along the time.

    Attributes
    ----------
    genres : list of str
    clips : float array, shape (clips, genres)
        Probability of each genre in each clip.
    clip_seconds : float
        Length of a clip.
    seconds : float
        Length of the sound. Its last clip is padded, or leaves less than half a clip out.
    tags : list of str
        The strongest ones, where the models' feature has tags.
    """

    genres: list[str]
    clips: Array
    clip_seconds: float
    seconds: float
    tags: Sequence[str] = ()

    @property
    def chances(self) -> Array:
        """Probability of each genre for the whole sound; float array, shape (genres,)."""
        return mean(self.clips)

    @property
    def genre(self) -> str:
        """The likeliest genre."""
        return self.genres[int(self.chances.argmax())]

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of each genre, by its name."""
        return dict(zip(self.genres, self.chances.tolist(), strict=True))

    @property
    def starts(self) -> Array:
        """Where each clip begins, in seconds; float array, shape (clips,)."""
        return np.arange(len(self.clips)) * float(self.clip_seconds)


class Classifier:
    """The mean of saved models, which predicts the genres of sounds.

    Parameters
    ----------
    models : sequence of (keras.Model, Description)
        As `load` reads them.

    Attributes
    ----------
    description : Description
        What the models were trained on: feature, genres, sample rate and clip length.

    Examples
    --------
    >>> classifier = Classifier.load("data/models")
    >>> song = classifier.predict("song.mp3")
    >>> song.genre, song.probabilities["jazz"]
    >>> list(zip(song.starts, song.clips))  # along the time
    """

    def __init__(self, models: Models) -> None:
        self.models = models
        self.description: Description = models[0][1]

    @classmethod
    def load(cls, path: str | os.PathLike[str] = ROOT / TRAINED) -> "Classifier":
        """Read the models of all folds in a folder, or a single model.

        Parameters
        ----------
        path : path-like
            A folder of fold-*.keras, or a .keras file; by default the folder of the repository that
            this code is in, whatever the working directory is.

        Raises
        ------
        PipelineError
            There is none, or one is damaged or cannot be used, or they were not trained on the same
            features.
        """
        return cls(load_models(Path(path), require_use))

    @property
    def genres(self) -> list[str]:
        """Genres in the order of the models' outputs."""
        return self.description.genres

    def predict(
        self, sound: str | os.PathLike[str] | Array, sample_rate: int | None = None
    ) -> Prediction:
        """Predict the genres of an audio file, or of samples.

        However long a file is, the samples and features of a few clips are in memory.

        Parameters
        ----------
        sound : path-like, or float array, shape (n,) or (n, channels)
            Full scale of samples is 1. They are mixed and resampled as those of a file are.
        sample_rate : int, optional
            Of samples, in Hz.

        Raises
        ------
        Rejection, OSError
            The sound cannot be used, such as a silent one.
        PipelineError
            The array is not one of samples, or the models were trained on a feature that cannot be
            computed here.
        """
        if not isinstance(sound, str | os.PathLike):
            return self._predict_samples(np.asarray(sound), sample_rate)
        recipe, clip_samples = recipe_of(self.description)
        clips, tags = [], []
        opened = open_clips(Path(sound), recipe.sample_rate, clip_samples, PREDICT_ROWS)
        with opened as (decoded, batches):
            for pcm in batches:
                with threadpool_limits(1):  # as `extract` computes it, to the last bit
                    rows = np.asarray(recipe(pcm).rows)
                clips.append(predict_clips(self.models, rows))
                tags.append(recipe.feature.tags(rows))
        return Prediction(
            genres=self.genres,
            clips=np.concatenate(clips),
            clip_seconds=self.description.store["seconds"],
            seconds=decoded.seconds,
            tags=strongest_tags(recipe.feature.tag_names, np.concatenate(tags)),
        )

    def _predict_samples(self, samples: Array, sample_rate: int | None) -> Prediction:
        if sample_rate is None:
            raise PipelineError("samples need their rate in Hz: predict(samples, sample_rate)")
        if (
            samples.dtype.kind != "f"
            or samples.ndim not in (1, 2)
            or samples[:1].size > len(samples)
        ):
            raise PipelineError(
                f"an array of {samples.dtype}, shape {samples.shape}: should be samples as floats "
                "of full scale 1, shape (n,) or (n, channels)"
            )
        with tempfile.TemporaryDirectory() as folder:  # so that they go the way of a file
            path = Path(folder, "samples.wav")
            soundfile.write(path, samples, sample_rate, subtype="FLOAT")
            return self.predict(path)


def require_use(model: Any, description: Description) -> None:
    """Check that a model takes the features that can be computed here of a file.

    Raises
    ------
    PipelineError
        It does not, or its description does not hold what has to be known.
    """
    recipe, clip_samples = recipe_of(description)
    recipe.feature.check("store.params", clip_samples, recipe.sample_rate)
    shape = recipe.feature.template(clip_samples, recipe.sample_rate).shape[1:]
    if model.input_shape != (None, *shape):
        raise PipelineError(
            f"the network takes rows of the shape {model.input_shape[1:]}, but those of the "
            f"feature {description.feature!r} have the shape {shape}"
        )
    if math.prod(shape) > MOST_VALUES:
        raise PipelineError(f"rows of {math.prod(shape)} values; {MOST_VALUES} are the most")


def recipe_of(description: Description) -> tuple[ExtractFeature, int]:
    """The recipe of the features that a model was trained on, and the length of a clip in samples.

    Raises
    ------
    PipelineError
        The feature is not one of those that can be computed here, or a parameter is wrong.
    """
    store = description.store
    feature = described_feature(store)
    if feature is None:
        raise PipelineError(
            f"the models were trained on a feature of your own, {description.feature!r}, which "
            "cannot be computed here; put the tracks into the dataset's folder unlabelled, and "
            "their rows into the feature's store"
        )
    choice(store["name"], "store.name", [description.feature])
    cut = {name: store[name] for name in ("sample_rate", "seconds") if name in store}
    sound = parse(SegmentParams, cut, "store")
    return ExtractFeature(feature, sound.sample_rate), sound.clip_samples
