"""Votes beside slow implementations, and what every rule has to fulfil."""

import math
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.types import Array
from pipeline.evaluation.predictions import VOTERS, EvaluateParams, majority, mean, product

SIXTY_FOURTHS = st.integers(0, 64).map(lambda n: n / 64)  # their sums are exact

clips_of_a_track = st.integers(2, 5).flatmap(
    lambda genres: st.lists(
        st.lists(SIXTY_FOURTHS, min_size=genres, max_size=genres), min_size=1, max_size=8
    ).map(np.array)
)


def slow_winner(probabilities: Array) -> int:
    """The genre with the most votes; of several, the one of the highest mean probability."""
    votes = Counter(row.index(max(row)) for row in probabilities.tolist())
    most = max(votes.values())
    tied = sorted(genre for genre, count in votes.items() if count == most)
    return max(tied, key=lambda genre: sum(probabilities[:, genre].tolist()))


@given(clips_of_a_track)
def test_majority_is_the_slow_count(probabilities: Array) -> None:
    voted = majority(probabilities)
    assert voted.argmax() == slow_winner(probabilities)
    assert voted.sum() == pytest.approx(1)
    assert voted.shape == probabilities.shape[1:]


def test_majority_outvotes_a_higher_mean() -> None:
    probabilities = np.array([[0.49, 0.51]] * 6 + [[1.0, 0.0]] * 5)
    assert mean(probabilities).argmax() == 0
    assert majority(probabilities).argmax() == 1


def test_majority_breaks_a_tie_by_mean_probability() -> None:
    tied = np.array([[0.6, 0.3, 0.1], [0.0, 0.1, 0.9], [0.5, 0.4, 0.1], [0.2, 0.1, 0.7]])
    assert majority(tied).argmax() == 2


@given(clips_of_a_track)
def test_mean_is_the_plain_mean(probabilities: Array) -> None:
    plain = [sum(column) / len(column) for column in probabilities.T.tolist()]
    np.testing.assert_allclose(mean(probabilities), plain)


@given(
    st.integers(2, 4).flatmap(
        lambda genres: st.lists(
            st.lists(st.floats(0.01, 1), min_size=genres, max_size=genres), min_size=1, max_size=6
        ).map(np.array)
    )
)
def test_product_is_the_plain_product(probabilities: Array) -> None:
    plain = np.array([math.prod(column) for column in probabilities.T.tolist()])
    np.testing.assert_allclose(product(probabilities), plain / plain.sum(), rtol=1e-9)


def test_product_of_many_clips_does_not_underflow() -> None:
    probabilities = np.tile([0.02, 0.0199, 0.01], (1000, 1))
    assert math.prod(probabilities[:, 0]) == 0.0
    voted = product(probabilities)
    ratio = (0.0199 / 0.02) ** 1000
    np.testing.assert_allclose(voted, [1 / (1 + ratio), ratio / (1 + ratio), 0], atol=1e-9)


def test_product_survives_a_probability_of_zero() -> None:
    voted = product(np.array([[0.0, 1.0], [0.9, 0.1]], np.float32))
    assert voted.argmax() == 1
    assert voted.sum() == pytest.approx(1)


def test_every_rule_can_be_chosen_and_the_other_way_round() -> None:
    assert set(VOTERS) == set(get_args(EvaluateParams.__annotations__["vote"]))


@pytest.mark.parametrize("name", VOTERS)
def test_the_vote_of_agreeing_clips_is_theirs_and_sums_to_one(name: str) -> None:
    voted = VOTERS[name](np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]))
    assert voted.argmax() == 1
    assert voted.sum() == pytest.approx(1)
