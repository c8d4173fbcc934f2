"""Scores beside scikit-learn's and slow implementations, and intervals beside a plain bootstrap."""

import math

import numpy as np
import pytest
from sklearn import metrics

from pipeline.base.files import rounded
from pipeline.evaluation.scores import (
    GenreScores,
    balanced_accuracy,
    confused_pairs,
    expected_calibration_error,
    log_loss,
    macro_f1,
    per_genre,
    reliability,
    score_genres,
)


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_scikit_learns(seed: int) -> None:
    """The last genre is predicted, but never occurs."""
    rng = np.random.default_rng(seed)
    actual, chances = rng.integers(0, 3, 60), rng.dirichlet(np.ones(4), 60)
    predicted = chances.argmax(axis=1)
    assert 3 in predicted
    assert log_loss(actual, chances) == pytest.approx(
        metrics.log_loss(actual, chances, labels=range(4))
    )
    assert macro_f1(actual, predicted) == pytest.approx(
        metrics.f1_score(actual, predicted, labels=[0, 1, 2], average="macro")
    )
    within = actual != 1  # so that a genre between two others does not occur
    assert balanced_accuracy(actual[within], predicted[within]) == pytest.approx(
        np.mean([(predicted[actual == genre] == genre).mean() for genre in (0, 2)])
    )
    assert balanced_accuracy(actual, actual) == metrics.balanced_accuracy_score(actual, actual) == 1
    confusion = metrics.confusion_matrix(actual, predicted, labels=range(4))
    pairs = {
        (each["actual"], each["predicted"]): each["count"]
        for each in confused_pairs(actual, predicted, list("abcd"))
    }
    for row, column in np.ndindex(4, 4):
        count = confusion[row, column] if row != column else 0
        assert pairs.get(("abcd"[row], "abcd"[column]), 0) == count


def test_macro_f1_counts_a_genre_never_predicted_as_zero() -> None:
    found = macro_f1(np.array([0, 0, 2, 1]), np.array([0, 0, 0, 1]))
    assert found == pytest.approx((0.8 + 0 + 1) / 3)


def test_log_loss_of_certain_mistakes_is_bounded() -> None:
    loss = log_loss(np.array([0, 0]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert loss == pytest.approx(-math.log(1e-12))


def test_per_genre_by_hand() -> None:
    rows = per_genre(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2]), ["a", "b", "c"])
    assert [rounded(row) for row in rows] == [
        {"genre": "a", "precision": 1.0, "recall": 0.6667, "f1": 0.8, "tracks": 3},
        {"genre": "b", "precision": 0.5, "recall": 0.5, "f1": 0.5, "tracks": 2},
        {"genre": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "tracks": 0},
    ]


def test_confused_pairs_are_sorted_by_count_then_by_name() -> None:
    pairs = [("b", "a"), ("c", "a"), ("a", "c"), ("c", "a"), ("a", "a"), ("a", "b")]
    genres = ["c", "a", "b"]
    actual, predicted = (np.array([genres.index(pair[side]) for pair in pairs]) for side in (0, 1))
    found = [tuple(pair.values()) for pair in confused_pairs(actual, predicted, genres)]
    assert found == [("c", "a", 2), ("a", "b", 1), ("a", "c", 1), ("b", "a", 1)]
    assert confused_pairs(actual, actual, genres) == []


def slow_calibration_error(actual: list[int], probabilities: list[list[float]]) -> float:
    """The formula of Guo et al., one bin and one row at a time."""
    total = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = [
            (max(row), row.index(max(row)) == wanted)
            for row, wanted in zip(probabilities, actual, strict=True)
            if low < max(row) <= high
        ]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(sure for sure, _ in inside) / len(inside)
            total += len(inside) / len(actual) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_is_the_slow_one_and_what_bins_add_up_to(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(4, 0.7), 300)
    actual = rng.integers(0, 4, 300)
    slow = slow_calibration_error(actual.tolist(), probabilities.tolist())
    assert expected_calibration_error(actual, probabilities) == pytest.approx(slow)
    assert slow > 0.2
    bins = reliability(actual, probabilities)
    assert sum(each.rows for each in bins) == 300
    error = sum(each.rows * abs(each.accuracy - each.confidence) for each in bins) / 300
    assert error == pytest.approx(slow)
    assert bins == sorted(bins, key=lambda each: each.confidence)


def test_calibration_error_of_certain_predictions() -> None:
    certain = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(np.array([0, 0, 0, 1]), certain) == pytest.approx(0.25)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    """There is a wrong row of nearly the same confidence there, and the two compensate."""
    edge = np.linspace(0, 1, 16)[9]
    probabilities = np.array([[edge, 1 - edge], [edge - 0.01, 1.01 - edge]])
    error = expected_calibration_error(np.array([0, 1]), probabilities)
    assert error == pytest.approx(abs(1 - edge - (edge - 0.01)) / 2)


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
        found = [score.value for score in (each.precision, each.recall, each.f1) if score]
        assert found == pytest.approx([precision, recall, f1])
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
    _, jazz, metal = score_genres(actual, predicted, np.arange(3), GENRES)
    assert jazz.precision is None
    assert jazz.recall
    assert jazz.f1
    assert jazz.recall.value == jazz.f1.value == 0
    assert metal == GenreScores("metal", 0, None, None, None)
