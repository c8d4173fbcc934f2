"""The bins of a reliability diagram, against the calibration error that they explain."""

import numpy as np
import pytest

from pipeline.evaluation.scores import Bin, expected_calibration_error, reliability


@pytest.mark.parametrize("seed", range(5))
def test_bins_add_up_to_the_calibration_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(4, 0.5), 300)
    actual = rng.integers(0, 4, 300)
    bins = reliability(actual, probabilities)
    assert sum(each.rows for each in bins) == 300
    error = sum(each.rows * abs(each.accuracy - each.confidence) for each in bins) / 300
    assert error == pytest.approx(expected_calibration_error(actual, probabilities))
    assert bins == sorted(bins, key=lambda each: each.confidence)


def test_rows_of_similar_confidence_share_a_bin() -> None:
    """Bins are a fifteenth wide: from 0.8667 to 0.9333 for the first two rows."""
    probabilities = np.array([[0.92, 0.08], [0.9, 0.1], [0.45, 0.55]])
    low, high = reliability(np.array([0, 1, 1]), probabilities)
    assert low == Bin(0.55, 1.0, 1)
    assert high.confidence == pytest.approx(0.91)
    assert (high.accuracy, high.rows) == (0.5, 2)
