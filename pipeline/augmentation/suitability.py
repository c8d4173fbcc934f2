"""Which chains of augmentations can change a feature, and why others cannot."""

import numpy as np

from pipeline.augmentation.base import Augmentation
from pipeline.augmentation.chains import Chain
from pipeline.augmentation.target import Target


def reason_against(target: Target, chain: Chain) -> str:
    """Why a chain cannot change the feature `target`; empty if it can."""
    return _reason_against_all(target) or next(
        filter(None, (_reason_against_kind(target, kind) for kind in chain.kinds)), ""
    )


def _reason_against_all(target: Target) -> str:
    if len(target.shape) not in (1, 3):
        return "changes pictures and values over time, and rows of this feature are neither"
    dtype = np.dtype(target.dtype)
    exact = dtype.kind in "iu" and dtype.itemsize <= 2  # in float32, in which all is computed
    if dtype.kind != "f" and not exact:
        known = "floats and integers of up to 16 bits"
        return f"changes {known}, and rows of this feature are {target.dtype}"
    return ""


def _reason_against_kind(target: Target, kind: Augmentation) -> str:
    if kind.acts_on != "sound" and target.feature is not None and target.feature.is_vector:
        return "changes pictures and values over time, and rows of this feature are vectors"
    if kind.acts_on == "sound" and target.feature is None:
        return "acts on sound, and how to compute this feature from sound is not known"
    if kind.needs == "decibels" and target.steps_per_db is None:
        return "changes features in dB only, and rows of this feature are not in dB"
    if kind.needs == "picture" and len(target.shape) != 3:
        return "changes pictures only, and rows of this feature have no frequencies"
    if kind.needs == "picture" and target.shape[0] == 1:
        return "changes pictures of several bands only, and rows of this feature have one"
    return ""
