"""Votes and metrics beside slow second implementations and scikit-learn's own."""

import math
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.evaluation import scores
from pipeline.base.tables import rounded

Array = npt.NDArray[Any]

SIXTY_FOURTHS = st.integers(0, 64).map(lambda n: n / 64)  # their sums are exact

clips_of_a_track = st.integers(2, 5).flatmap(
    lambda genres: st.lists(
        st.lists(SIXTY_FOURTHS, min_size=genres, max_size=genres), min_size=1, max_size=8
    ).map(np.array)
)


def random_scores(seed: int, rows: int = 60, genres: int = 4) -> tuple[Array, Array]:
    """Actual genres, the last of which never occurs, and probabilities."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, genres - 1, rows), rng.dirichlet(np.ones(genres), rows)


def slow_winner(probabilities: Array) -> int:
    """The genre with the most votes; of several, the one of the highest mean probability."""
    votes = Counter(row.index(max(row)) for row in probabilities.tolist())
    most = max(votes.values())
    tied = sorted(genre for genre, count in votes.items() if count == most)
    return max(tied, key=lambda genre: sum(probabilities[:, genre].tolist()))


@given(clips_of_a_track)
def test_majority_is_the_slow_count(probabilities: Array) -> None:
    voted = scores.majority(probabilities)
    assert voted.argmax() == slow_winner(probabilities)
    assert voted.sum() == pytest.approx(1)
    assert voted.shape == probabilities.shape[1:]


def test_majority_outvotes_a_higher_mean() -> None:
    probabilities = np.array([[0.49, 0.51]] * 6 + [[1.0, 0.0]] * 5)
    assert scores.mean(probabilities).argmax() == 0
    assert scores.majority(probabilities).argmax() == 1


def test_majority_breaks_a_tie_by_mean_probability() -> None:
    tied = np.array([[0.6, 0.3, 0.1], [0.0, 0.1, 0.9], [0.5, 0.4, 0.1], [0.2, 0.1, 0.7]])
    assert scores.majority(tied).argmax() == 2


@given(clips_of_a_track)
def test_mean_is_the_plain_mean(probabilities: Array) -> None:
    plain = [sum(column) / len(column) for column in probabilities.T.tolist()]
    np.testing.assert_allclose(scores.mean(probabilities), plain)


@given(
    st.integers(2, 4).flatmap(
        lambda genres: st.lists(
            st.lists(st.floats(0.01, 1), min_size=genres, max_size=genres), min_size=1, max_size=6
        ).map(np.array)
    )
)
def test_product_is_the_plain_product(probabilities: Array) -> None:
    plain = np.array([math.prod(column) for column in probabilities.T.tolist()])
    np.testing.assert_allclose(scores.product(probabilities), plain / plain.sum(), rtol=1e-9)


def test_product_of_many_clips_does_not_underflow() -> None:
    probabilities = np.tile([0.02, 0.0199, 0.01], (1000, 1))
    assert math.prod(probabilities[:, 0]) == 0.0
    voted = scores.product(probabilities)
    ratio = (0.0199 / 0.02) ** 1000
    np.testing.assert_allclose(voted, [1 / (1 + ratio), ratio / (1 + ratio), 0], atol=1e-9)


def test_product_survives_a_probability_of_zero() -> None:
    voted = scores.product(np.array([[0.0, 1.0], [0.9, 0.1]], np.float32))
    assert voted.argmax() == 1
    assert voted.sum() == pytest.approx(1)


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
