"""Gather what the models of all folds predict for the clips that they never saw."""

import numpy as np

from pipeline.base.arrays import Array
from pipeline.evaluation.predictions import Predictions
from pipeline.folds.groups import groups
from pipeline.folds.labelled import LabelledClips


def clip_predictions(
    clips: LabelledClips, rows: Array, folds: Array, probabilities: Array
) -> Predictions:
    """Predictions for clips, with the group of tracks that each belongs to.

    Parameters
    ----------
    rows, folds : int array, shape (n,)
        Numbers of labelled clips, and the fold in which each is tested.
    probabilities : float array, shape (n, genres)
    """
    # Folds by clip separate a track's clips, and yet these go right or wrong together.
    together = clips.track_ids if clips.by_clip else np.array(groups(clips.tracks))[clips.owners]
    return Predictions(
        clips.track_ids[rows], clips.labels[rows], folds, together[rows], probabilities
    )
