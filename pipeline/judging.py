"""Let each fold's model judge the clips that it never saw."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.saved import PREDICT_ROWS, Description, probabilities
from pipeline.errors import PipelineError
from pipeline.groups import groups
from pipeline.judge import Judged
from pipeline.labelled import LabelledClips

BLOCK = 16 * PREDICT_ROWS  # in memory at a time


def judge_clips(clips: LabelledClips, models: Sequence[tuple[Any, Description]]) -> Judged:
    """Each clip's probabilities by the model of each fold, or seed, in which it is tested.

    Raises
    ------
    PipelineError
        The models were trained on other features, or on other folds.
    """
    trained = {description.fold for _, description in models}
    if trained != set(range(len(clips.tested))) or models[0][1].store != clips.description:
        raise PipelineError("the models were trained on other folds or features; run `dvc repro`")
    rows, folds = np.nonzero(clips.tested.T)
    out = np.empty((len(rows), len(clips.genres)), np.float32)
    for model, description in models:
        part = np.flatnonzero(folds == description.fold)
        for block in np.array_split(part, range(BLOCK, len(part), BLOCK)):
            out[block] = probabilities(model, clips.rows[rows[block]])
    # Folds by clip part a track's clips, and yet these go right or wrong together.
    together = clips.track_ids if clips.by_clip else np.array(groups(clips.tracks))[clips.owners]
    return Judged(clips.track_ids[rows], clips.labels[rows], folds, together[rows], out)
