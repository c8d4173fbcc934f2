"""The models of all folds, and what a model predicts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.training.loading import load_model
from pipeline.training.saved import Description

PREDICT_ROWS = 64


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
