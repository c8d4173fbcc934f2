"""Combine what the models of all folds predict for the clips that they were not trained on."""

import numpy as np

from pipeline.base.arrays import Array
from pipeline.evaluation.predictions import Predictions
from pipeline.folds.groups import groups
from pipeline.folds.labelled import LabelledClips


def clip_predictions(
    clips: LabelledClips, rows: Array, folds: Array, probabilities: Array
) -> Predictions:
    """Add to the probabilities of clips what is known about their tracks.

    Parameters
    ----------
    rows, folds : int array, shape (n,)
        Numbers of labelled clips, and the fold that tests each.
    probabilities : float array, shape (n, genres)
    """
    # Folds by clip separate the clips of a track, but these still tend to be right together.
    group_of = clips.track_ids if clips.by_clip else np.array(groups(clips.tracks))[clips.owners]
    return Predictions(
        clips.track_ids[rows], clips.labels[rows], folds, group_of[rows], probabilities
    )
