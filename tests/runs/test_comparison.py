"""How revisions differ: by hand, and beside the formulas and SciPy's tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import ACTUAL, ARTISTS, BETTER, MAIN, predictions, revision, table
from scipy import stats

from pipeline.evaluation.predictions import TrackOutcomes, outcomes, predictions_of
from pipeline.evaluation.scores import difference_interval
from pipeline.runs.comparison import (
    ChangedTrack,
    Pair,
    compare_revisions,
    differences,
    holm,
    mcnemar_p,
    pairwise,
)

RIGHT = {name: np.array(names) == ACTUAL for name, names in (("main", MAIN), ("better", BETTER))}
SEEDS = revision("seeds", [row for fold in range(3) for row in predictions(MAIN, ARTISTS, fold)])
BETTER_SEEDS = revision(
    "better seeds",
    predictions(MAIN, ARTISTS) + predictions(BETTER, ARTISTS, 1) + predictions(BETTER, ARTISTS, 2),
)


def blues(right: int) -> TrackOutcomes:
    """Outcomes of thirty blues tracks, of which the first are right."""
    votes, zeros = np.eye(2)[[0] * right + [1] * (30 - right)], np.zeros(30, int)
    ids = np.array([f"t{number:03}" for number in range(30)])
    return outcomes(predictions_of(["blues", "rock"], ids, votes, folds=zeros, actual=zeros))


@given(st.tuples(*[st.integers(0, 300)] * 4))
def test_mcnemar_is_the_exact_binomial_test_of_the_changed(counts: tuple[int, ...]) -> None:
    _, lost, gained, _ = counts
    before = np.repeat([True, True, False, False], counts)
    after = np.repeat([True, False, True, False], counts)
    p_value = mcnemar_p(before, after)
    assert p_value == mcnemar_p(after, before)
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1
    assert p_value == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_the_slow_procedure(p_values: list[float]) -> None:
    """The smallest times n, the next times n - 1 and so on, but none below the one before."""
    corrected = dict.fromkeys(range(len(p_values)), 1.0)
    largest = 0.0
    for rank, number in enumerate(sorted(corrected, key=lambda number: p_values[number])):
        largest = max(largest, min(1, (len(p_values) - rank) * p_values[number]))
        corrected[number] = largest
    assert holm(p_values) == pytest.approx(list(corrected.values()))


def test_difference_by_hand() -> None:
    before, after = (outcomes(table(predictions(names)[:8])) for names in (MAIN, BETTER))
    [found] = differences(before, [after])
    assert found.difference == pytest.approx(2 / 8)
    assert (found.low, found.high) == difference_interval(
        RIGHT["main"][:8], RIGHT["better"][:8], np.arange(8)
    )
    assert found.gained == [
        ChangedTrack("blues/00", "blues", "rock", "blues"),
        ChangedTrack("blues/01", "blues", "rock", "blues"),
        ChangedTrack("metal/05", "metal", "rock", "metal"),
    ]
    assert found.lost == [ChangedTrack("blues/02", "blues", "blues", "metal")]
    assert [vars(genre) for genre in found.genres] == [
        {"genre": "blues", "tracks": 4, "before": 2, "after": 3, "gained": 2, "lost": 1},
        {"genre": "metal", "tracks": 4, "before": 3, "after": 4, "gained": 1, "lost": 0},
    ]
    assert found.p_value == found.p_holm == pytest.approx(2 * (1 + 4) / 2**4)


def test_pairwise_is_each_minus_each_with_holms_correction_for_all_pairs() -> None:
    several = [blues(right) for right in (0, 7, 12, 3)]
    matrix = pairwise(several)
    pairs = [(row, column) for row in range(4) for column in range(row + 1, 4)]
    plain = [differences(several[row], [several[column]])[0].p_value for row, column in pairs]
    for (row, column), p_value in zip(pairs, holm(plain), strict=True):
        pair, opposite = matrix[row][column], matrix[column][row]
        means = [float(several[number].correct.mean()) for number in (row, column)]
        assert pair.difference == pytest.approx(means[0] - means[1])
        assert opposite.difference == -pair.difference
        assert pair.p_holm == opposite.p_holm == p_value
    assert [matrix[row][row] for row in range(4)] == [Pair(0, 1)] * 4


def test_seeds_are_averaged_and_artists_drawn_together() -> None:
    found = compare_revisions([SEEDS, BETTER_SEEDS])
    [side] = found.others
    assert side.seeds == 3
    assert side.accuracy == pytest.approx((8 + 2 * 11) / 36)
    assert (found.tracks, found.groups) == (12, 6)
    [difference] = found.differences
    mean = (RIGHT["main"] + 2.0 * RIGHT["better"]) / 3
    expected = difference_interval(RIGHT["main"], mean, np.array(ARTISTS))
    assert (difference.low, difference.high) == pytest.approx(expected)
    changes = sum(genre.after - genre.before for genre in difference.genres)
    assert changes / 12 == pytest.approx(difference.difference) == pytest.approx(2 / 3 * 3 / 12)
    assert [track.track_id for track in difference.lost] == ["blues/02"]  # by mean probability
