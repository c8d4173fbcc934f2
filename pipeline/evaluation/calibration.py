"""How far confidence can be trusted: the bins of a reliability diagram."""

from dataclasses import dataclass

import numpy as np

from pipeline.base.arrays import Array
from pipeline.evaluation.scores import CALIBRATION_BINS


@dataclass(frozen=True)
class Bin:
    """Rows of similar confidence.

    Attributes
    ----------
    confidence : float
        Mean of their highest probabilities.
    accuracy : float
        Share of them that are right.
    rows : int
        At least 1.
    """

    confidence: float
    accuracy: float
    rows: int


def reliability(actual: Array, probabilities: Array) -> list[Bin]:
    """The bins of `scores.expected_calibration_error` that are not empty, in order.

    Parameters
    ----------
    actual : int array, shape (n,)
        Index of each row's actual genre.
    probabilities : float array, shape (n, genres)
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == actual
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    number = np.digitize(confidence, edges, right=True)
    return [
        Bin(
            float(confidence[number == each].mean()),
            float(correct[number == each].mean()),
            int((number == each).sum()),
        )
        for each in np.unique(number)
    ]
