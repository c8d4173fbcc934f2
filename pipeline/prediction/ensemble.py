"""Predict clips by the models of all folds, or each clip by the model that never saw it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.evaluation.predictions import Predictions, predictions_of
from pipeline.folds.groups import groups
from pipeline.folds.labelled import LabelledClips
from pipeline.prediction.saved import load_model
from pipeline.training.trained import Description

PREDICT_ROWS = 64
BLOCK = 16 * PREDICT_ROWS  # rows in memory at a time
TOLERANCE = 0.01  # of the sum of probabilities

Models = Sequence[tuple[Any, Description]]


def load_models(
    folder: Path, check: Callable[[keras.Model, Description], object] | None = None
) -> list[tuple[keras.Model, Description]]:
    """Read every fold's model in `folder`, sorted by fold.

    Parameters
    ----------
    folder : Path
    check : callable, optional
        Raises `PipelineError` if it cannot use a model.

    Raises
    ------
    PipelineError
        There is none, or one is damaged or cannot be used, or they were not trained on the same
        features.
    """
    models = []
    for path in sorted(folder.glob("fold-*.keras")):
        models.append(load_model(path))
        try:
            if check:
                check(*models[-1])
        except PipelineError as error:
            raise PipelineError(f"{path}: {error}") from None
    if not models:
        raise PipelineError(f"{folder} holds no fold-*.keras; run `dvc repro train` first")
    first = models[0][1]
    for _, other in models:
        if (other.feature, other.genres, other.store) != (first.feature, first.genres, first.store):
            raise PipelineError(f"the models in {folder} were not trained on the same features")
    return sorted(models, key=lambda pair: pair[1].fold)


def probabilities(model: keras.Model, rows: Array) -> Array:
    """Predict feature rows (n, ...), a few at a time: float32 probabilities, (n, genres)."""
    parts = [
        keras.ops.convert_to_numpy(model(rows[start : start + PREDICT_ROWS].astype(np.float32)))
        for start in range(0, len(rows), PREDICT_ROWS)
    ]
    return np.concatenate(parts)


def predict_clips(models: Models, rows: Array) -> Array:
    """Mean probability over models: feature rows, (clips, ...), -> (clips, genres).

    Raises
    ------
    PipelineError
        A model does not output probabilities.
    """
    predicted = []
    for model, description in models:
        part = probabilities(model, rows)
        if not (np.abs(part.sum(axis=1) - 1) < TOLERANCE).all() or part.min() < 0:
            raise PipelineError(
                f"the model of fold {description.fold} does not output probabilities: its values "
                f"range from {part.min()} to {part.max()}"
            )
        predicted.append(part)
    return np.mean(predicted, axis=0)


def predict_out_of_fold(clips: LabelledClips, models: Models) -> Predictions:
    """Predict each clip by the model of each fold, or seed, in which it is tested.

    Raises
    ------
    PipelineError
        The models were trained on other features, or on other folds.
    """
    trained = {description.fold for _, description in models}
    if trained != set(range(len(clips.tested))) or models[0][1].store != clips.description:
        raise PipelineError("the models were trained on other folds or features; run `dvc repro`")
    rows, folds = np.nonzero(clips.tested.T)
    predicted = np.empty((len(rows), len(clips.genres)), np.float32)
    for model, description in models:
        part = np.flatnonzero(folds == description.fold)
        for block in np.array_split(part, range(BLOCK, len(part), BLOCK)):
            predicted[block] = probabilities(model, clips.rows[rows[block]])
    # Folds by clip separate the clips of a track, but these still tend to be right together.
    group_of = clips.track_ids if clips.by_clip else np.array(groups(clips.tracks))[clips.owners]
    return predictions_of(
        clips.genres,
        clips.track_ids[rows],
        predicted,
        clips=clips.clip_numbers[rows],
        folds=folds,
        groups=group_of[rows],
        actual=clips.labels[rows],
    )
