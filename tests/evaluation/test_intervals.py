"""Intervals contain the truth as often as they claim, and agree with SciPy's bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.interval_coverage import Case, coverage
from pipeline.base.types import Array
from pipeline.evaluation.scores import accuracy_interval, difference_interval

SIMULATIONS = 500
CASES = {
    "accuracy, tracks": Case((0.65,), 200, artists=False),
    "accuracy, artists": Case((0.65,), 40, artists=True),
    "difference, tracks": Case((0.2, 0.1), 200, artists=False),
    "difference, artists": Case((0.2, 0.1), 40, artists=True),
}


@pytest.mark.parametrize("name", CASES)
def test_a_95_percent_interval_contains_the_truth_that_often(name: str) -> None:
    held, plain, width = coverage(CASES[name], SIMULATIONS)
    assert 0.93 <= held <= 0.97
    assert width < 0.35
    if CASES[name].artists:
        assert plain < 0.9, (
            "drawing single tracks gives intervals that are too narrow where artists differ"
        )


def clustered(seed: int) -> tuple[Array, Array, Array]:
    """Correctness of two models on tracks of 30 artists, as means over four seeds; the artists."""
    rng = np.random.default_rng(seed)
    artists = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    ability = rng.beta(6, 2, 30)[artists]
    before, after = (rng.binomial(4, ability) / 4 for _ in range(2))
    return before, after, artists


def scipy_interval(values: Array, groups: Array, method: str) -> Array:
    """SciPy's bootstrap over groups, drawn one at a time, at the widened level."""
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    n = len(sums)
    score = stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1))
    found = stats.bootstrap(
        (sums, sizes),
        lambda sums, sizes, axis=-1: sums.sum(axis) / sizes.sum(axis),
        paired=True,
        vectorized=True,
        method=method,
        n_resamples=20_000,
        batch=1000,
        confidence_level=1 - 2 * stats.norm.sf(score),
        rng=np.random.default_rng(0),
    )
    return np.array(found.confidence_interval)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_scipys(seed: int) -> None:
    before, after, artists = clustered(seed)
    ours = difference_interval(before, after, artists, 0)
    theirs = scipy_interval(after - before, artists, "percentile")
    np.testing.assert_allclose(ours, theirs, atol=0.006)
    before[artists < 3] = 0.0  # skew, which takes BCa far from the percentiles
    ours = accuracy_interval(before, artists, 0)
    np.testing.assert_allclose(ours, scipy_interval(before, artists, "BCa"), atol=0.006)
    percentiles = scipy_interval(before, artists, "percentile")
    assert abs(ours[0] - percentiles[0]) > 0.006


def test_few_groups_have_students_interval() -> None:
    """For ten values spread like a normal sample; plain percentiles are 18 % narrower."""
    values = stats.norm.ppf((np.arange(10) + 0.5) / 10) / 4
    low, high = difference_interval(np.zeros(10), values, np.arange(10), 0)
    exact = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert high - low == pytest.approx(exact.high - exact.low, rel=0.02)


def test_the_order_of_tracks_and_the_names_of_groups_change_nothing() -> None:
    before, after, artists = clustered(0)
    order = np.random.default_rng(1).permutation(len(artists))
    names = np.array([f"artist {29 - artist}" for artist in artists])
    assert accuracy_interval(before[order], names[order], 5) == accuracy_interval(
        before, artists, 5
    )
    assert difference_interval(before[order], after[order], names[order], 5) == (
        difference_interval(before, after, artists, 5)
    )


# Clopper and Pearson's bound for 20 successes of 20.
SHARE = stats.binomtest(20, 20).proportion_ci(0.95, "exact").low


@pytest.mark.parametrize(
    ("correct", "groups", "expected"),
    [
        (np.ones(20), range(20), (SHARE, 1)),
        (np.zeros(20), range(20), (0, 1 - SHARE)),
        (np.tile([0, 1], 20), np.repeat(range(20), 2), (SHARE / 2, 1 - SHARE / 2)),
        (np.array([1, 0, 0, 1]), ["a"] * 4, (0.0125, 0.9875)),
    ],
)
def test_accuracy_where_all_groups_are_alike(
    correct: Array, groups: Array, expected: tuple[float, float]
) -> None:
    assert accuracy_interval(correct, np.asarray(groups), 0) == pytest.approx(expected)


def test_difference_where_all_groups_are_alike() -> None:
    right, groups = np.arange(20) % 2 == 0, np.arange(20)
    assert difference_interval(right, right, groups) == pytest.approx((SHARE - 1, 1 - SHARE))
    every = difference_interval(np.zeros(20), np.ones(20), groups)
    assert every == pytest.approx((2 * SHARE - 1, 1))


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=25
    )
)
def test_intervals_are_always_finite_ordered_and_possible(
    tracks: list[tuple[int, int, int]],
) -> None:
    before, after, groups = np.array(tracks).T
    low, high = accuracy_interval(before / 4, groups, 0)
    assert 0 <= low < high <= 1
    low, high = difference_interval(before / 4, after / 4, groups, 0)
    assert -1 <= low < high <= 1


def test_no_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="no tracks"):
        accuracy_interval(np.array([]), np.array([]), 0)
