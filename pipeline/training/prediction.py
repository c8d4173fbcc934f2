"""What models predict for clips and for audio files, which they take block by block."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import open_clips
from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.features.params import described_feature
from pipeline.features.shared.recipe import ExtractFeature
from pipeline.training.ensemble import PREDICT_ROWS, probabilities
from pipeline.training.saved import Description

Models = Sequence[tuple[Any, Description]]


def predict_clips(models: Models, rows: Array) -> Array:
    """Mean probability over models: feature rows, (clips, ...), -> (clips, genres)."""
    return np.mean([probabilities(model, rows) for model, _ in models], axis=0)


def predict_sound(models: Models, path: Path) -> Array:
    """Probabilities of the clips of an audio file, shape (clips, genres).

    However long the file is, the samples and features of PREDICT_ROWS clips are in memory.

    Raises
    ------
    Rejection, OSError
        The file cannot be used.
    PipelineError
        The models were trained on a feature that cannot be computed here.
    """
    recipe, clip_samples = recipe_of(models[0][1])
    found = []
    with open_clips(path, recipe.sample_rate, clip_samples, PREDICT_ROWS) as (_, batches):
        for pcm in batches:
            with threadpool_limits(1):  # as `extract` computes it, to the last bit
                rows = recipe(pcm).rows
            found.append(predict_clips(models, np.asarray(rows)))
    return np.concatenate(found)


def recipe_of(description: Description) -> tuple[ExtractFeature, int]:
    """The recipe of the features that a model was trained on, and the length of a clip in samples.

    Raises
    ------
    PipelineError
        The feature is not one of those that can be computed here.
    """
    store = description.store
    feature = described_feature(store)
    if feature is None:
        raise PipelineError(
            f"the models were trained on a feature of your own, {description.feature!r}, which "
            "cannot be computed here; put the tracks into the dataset's folder unlabelled, and "
            "their rows into the feature's store"
        )
    recipe = ExtractFeature(feature, store["sample_rate"])
    return recipe, recipe.sample_rate * store["seconds"]
