"""What models predict for clips and for audio files, which they take block by block."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import open_clips
from pipeline.audio.params import SegmentParams
from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.base.sections import choice, parse
from pipeline.features.params import described_feature
from pipeline.features.shared.recipe import ExtractFeature
from pipeline.features.shared.tags import strongest_tags
from pipeline.training.ensemble import PREDICT_ROWS, probabilities
from pipeline.training.saved import Description

MOST_VALUES = 1 << 22  # of a row, so that a batch of them takes 1 GiB
TOLERANCE = 0.01  # of the sum of probabilities

Models = Sequence[tuple[Any, Description]]


def predict_clips(models: Models, rows: Array) -> Array:
    """Mean probability over models: feature rows, (clips, ...), -> (clips, genres).

    Raises
    ------
    PipelineError
        A model does not output probabilities.
    """
    found = []
    for model, description in models:
        chances = probabilities(model, rows)
        if not (np.abs(chances.sum(axis=1) - 1) < TOLERANCE).all() or chances.min() < 0:
            raise PipelineError(
                f"the model of fold {description.fold} does not output probabilities: its values "
                f"range from {chances.min()} to {chances.max()}"
            )
        found.append(chances)
    return np.mean(found, axis=0)


@dataclass(frozen=True)
class Prediction:
    """What models predict for an audio file.

    Attributes
    ----------
    probabilities : float array, shape (clips, genres)
    tags : list of str
        The strongest ones, where the models' feature has tags.
    """

    probabilities: Array
    tags: list[str]


def predict_sound(models: Models, path: Path) -> Prediction:
    """Predict the genres of the clips of an audio file.

    However long the file is, the samples and features of PREDICT_ROWS clips are in memory.

    Raises
    ------
    Rejection, OSError
        The file cannot be used.
    PipelineError
        The models were trained on a feature that cannot be computed here.
    """
    recipe, clip_samples = recipe_of(models[0][1])
    found, tags = [], []
    with open_clips(path, recipe.sample_rate, clip_samples, PREDICT_ROWS) as (_, batches):
        for pcm in batches:
            with threadpool_limits(1):  # as `extract` computes it, to the last bit
                rows = np.asarray(recipe(pcm).rows)
            found.append(predict_clips(models, rows))
            tags.append(recipe.feature.tags(rows))
    strongest = strongest_tags(recipe.feature.tag_names, np.concatenate(tags))
    return Prediction(np.concatenate(found), strongest)


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
