"""Scores of genres against scikit-learn's, and their intervals against a plain bootstrap."""

import numpy as np
import pytest
from sklearn import metrics

from pipeline.evaluation.scores import GenreScores, score_genres

GENRES = ["blues", "jazz", "metal"]


def drawn(seed: int, tracks: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actual and predicted genres, of which two thirds are right, and groups of up to 4 tracks."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, 3, tracks)
    predicted = np.where(rng.random(tracks) < 0.66, actual, rng.integers(0, 3, tracks))
    return actual, predicted, rng.integers(0, tracks // 2, tracks)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    actual, predicted, groups = drawn(seed)
    expected = metrics.precision_recall_fscore_support(actual, predicted, labels=range(3))
    for each, precision, recall, f1, tracks in zip(
        score_genres(actual, predicted, groups, GENRES), *expected, strict=True
    ):
        assert each.precision
        assert each.recall
        assert each.f1
        found = (each.precision.value, each.recall.value, each.f1.value)
        assert found == pytest.approx((precision, recall, f1))
        assert each.tracks == tracks


def test_intervals_are_about_those_of_a_plain_bootstrap_over_groups() -> None:
    actual, predicted, groups = drawn(0, tracks=400)
    rng = np.random.default_rng(1)
    names = np.unique(groups)
    rows_of = {name: np.flatnonzero(groups == name) for name in names}
    found = []
    for _ in range(1000):
        rows = np.concatenate([rows_of[name] for name in rng.choice(names, len(names))])
        found.append(
            metrics.precision_recall_fscore_support(actual[rows], predicted[rows], labels=[1])[:3]
        )
    low, high = np.quantile(np.array(found)[..., 0], [0.025, 0.975], axis=0)
    jazz = score_genres(actual, predicted, groups, GENRES)[1]
    for score, below, above in zip((jazz.precision, jazz.recall, jazz.f1), low, high, strict=True):
        assert score
        assert score.low == pytest.approx(below, abs=0.025)
        assert score.high == pytest.approx(above, abs=0.025)


def test_what_cannot_be_scored_is_none() -> None:
    """Nothing is predicted as jazz, and nothing is metal."""
    actual, predicted = np.array([0, 1, 1]), np.array([0, 0, 0])
    blues, jazz, metal = score_genres(actual, predicted, np.arange(3), GENRES)
    assert blues.recall
    assert blues.recall.low < blues.recall.value == 1
    assert jazz.precision is None
    assert jazz.recall
    assert jazz.f1
    assert jazz.recall.value == jazz.f1.value == 0
    assert metal == GenreScores("metal", 0, None, None, None)
