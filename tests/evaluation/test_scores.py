"""Scores beside scikit-learn's, and the calibration error beside a slow implementation."""

import math

import numpy as np
import pytest
from sklearn import metrics

from pipeline.base.files import rounded
from pipeline.base.types import Array
from pipeline.evaluation import scores
from pipeline.evaluation.scores import expected_calibration_error


def random_scores(seed: int, rows: int = 60, genres: int = 4) -> tuple[Array, Array]:
    """Actual genres, the last of which never occurs, and probabilities."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, genres - 1, rows), rng.dirichlet(np.ones(genres), rows)


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_scikit_learns(seed: int) -> None:
    """The last genre is predicted, but never occurs."""
    actual, chances = random_scores(seed)
    predicted = chances.argmax(axis=1)
    assert 3 in predicted
    assert 3 not in actual
    assert scores.accuracy(actual, chances) == pytest.approx(
        metrics.accuracy_score(actual, predicted)
    )
    assert scores.log_loss(actual, chances) == pytest.approx(
        metrics.log_loss(actual, chances, labels=range(4))
    )
    assert scores.macro_f1(actual, chances) == pytest.approx(
        metrics.f1_score(actual, predicted, labels=[0, 1, 2], average="macro")
    )


def test_macro_f1_counts_a_genre_never_predicted_as_zero() -> None:
    chances = np.eye(3)[[0, 0, 0, 1]]
    assert scores.macro_f1(np.array([0, 0, 1, 1]), chances) == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores.macro_f1(np.array([0, 0, 2, 1]), chances) == pytest.approx((0.8 + 0 + 1) / 3)


def test_log_loss_of_certain_mistakes_is_bounded() -> None:
    loss = scores.log_loss(np.array([0, 0]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert loss == pytest.approx(-math.log(1e-12))


def test_per_genre_by_hand() -> None:
    actual = np.array([0, 0, 0, 1, 1])
    chances = np.eye(3)[[0, 0, 1, 1, 2]]
    rows = scores.per_genre(actual, chances, ["a", "b", "c"])
    assert [rounded(row) for row in rows] == [
        {"genre": "a", "precision": 1.0, "recall": 0.6667, "f1": 0.8, "tracks": 3},
        {"genre": "b", "precision": 0.5, "recall": 0.5, "f1": 0.5, "tracks": 2},
        {"genre": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "tracks": 0},
    ]


def test_confused_pairs_are_sorted_by_count_then_by_name() -> None:
    pairs = [("b", "a"), ("c", "a"), ("a", "c"), ("c", "a"), ("a", "a"), ("a", "b")]
    genres = ["c", "a", "b"]
    actual = np.array([genres.index(actual) for actual, _ in pairs])
    chances = np.eye(3)[[genres.index(predicted) for _, predicted in pairs]]
    found = scores.confused_pairs(actual, chances, genres)
    assert [tuple(pair.values()) for pair in found] == [
        ("c", "a", 2),
        ("a", "b", 1),
        ("a", "c", 1),
        ("b", "a", 1),
    ]
    assert list(found[0]) == ["actual", "predicted", "count"]


def test_nothing_confused_gives_no_pairs() -> None:
    assert scores.confused_pairs(np.array([0, 1]), np.eye(2), ["a", "b"]) == []


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
def test_calibration_error_is_the_slow_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(4, 0.7), 300)
    actual = rng.integers(0, 4, 300)
    slow = slow_calibration_error(actual.tolist(), probabilities.tolist())
    assert expected_calibration_error(actual, probabilities) == pytest.approx(slow)
    assert slow > 0.2


def test_calibration_error_of_certain_predictions() -> None:
    probabilities = np.array([[1.0, 0.0]] * 4)
    error = expected_calibration_error
    assert error(np.array([0, 0, 0, 0]), probabilities) == 0
    assert error(np.array([0, 0, 0, 1]), probabilities) == pytest.approx(0.25)
    assert error(np.array([1, 1, 1, 1]), probabilities) == 1


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    """There is a wrong row of nearly the same confidence there, and the two compensate."""
    edge = np.linspace(0, 1, 16)[9]
    probabilities = np.array([[edge, 1 - edge], [edge - 0.01, 1.01 - edge]])
    error = expected_calibration_error(np.array([0, 1]), probabilities)
    assert error == pytest.approx(abs(1 - edge - (edge - 0.01)) / 2)


def test_bins_do_not_compensate_for_each_other() -> None:
    """One row is overconfident by 0.9, one underconfident by 0.4: the mean of both magnitudes."""
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]])
    error = expected_calibration_error(np.array([1, 0]), probabilities)
    assert error == pytest.approx((0.9 + 0.4) / 2)
