"""Let the model of each fold predict the clips that it never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.base.arrays import Array
from pipeline.base.errors import PipelineError
from pipeline.folds.labelled import LabelledClips
from pipeline.training.ensemble import PREDICT_ROWS, probabilities
from pipeline.training.saved import Description

BLOCK = 16 * PREDICT_ROWS  # rows in memory at a time


@dataclass(frozen=True)
class OutOfFold:
    """What models predict for clips that they were not trained on.

    Attributes
    ----------
    rows, folds : int array, shape (n,)
        Numbers of labelled clips, and the fold, or seed, in which each is tested.
    probabilities : float32 array, shape (n, genres)
    """

    rows: Array
    folds: Array
    probabilities: Array


def predict_out_of_fold(
    clips: LabelledClips, models: Sequence[tuple[Any, Description]]
) -> OutOfFold:
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
    found = np.empty((len(rows), len(clips.genres)), np.float32)
    for model, description in models:
        part = np.flatnonzero(folds == description.fold)
        for block in np.array_split(part, range(BLOCK, len(part), BLOCK)):
            found[block] = probabilities(model, clips.rows[rows[block]])
    return OutOfFold(rows, folds, found)
