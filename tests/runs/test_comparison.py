"""How revisions differ: by hand, and beside the formulas and SciPy's tests."""

import json
from collections.abc import Sequence
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import ACTUAL, ARTISTS, BETTER, MAIN, predictions, revision, table
from scipy import stats

from pipeline.evaluation.predictions import TrackOutcomes, outcomes, predictions_of
from pipeline.evaluation.scores import accuracy_interval, difference_interval
from pipeline.runs.comparison import (
    ChangedTrack,
    Pair,
    as_json,
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


def blues(correct: Sequence[int], groups: Sequence[int] = ()) -> TrackOutcomes:
    """Outcomes of blues tracks, right where `correct` is 1; each is a group without `groups`."""
    return outcomes(
        predictions_of(
            ["blues", "rock"],
            np.array([f"t{n:03}" for n in range(len(correct))]),
            np.eye(2)[[1 - right for right in correct]],
            folds=np.zeros(len(correct), int),
            actual=np.zeros(len(correct), int),
            groups=np.array(groups) if groups else None,
        )
    )


def slow_p(gained: int, lost: int) -> float:
    """Twice the probability of at most as many heads as the smaller number, in exact fractions."""
    changed = gained + lost
    heads = sum(comb(changed, n) for n in range(min(gained, lost) + 1))
    return float(min(Fraction(1), Fraction(2 * heads, 2**changed)))


@given(st.tuples(*[st.integers(0, 300)] * 4))
def test_mcnemar_is_the_exact_binomial_test_of_the_changed(counts: tuple[int, ...]) -> None:
    _, lost, gained, _ = counts
    before = np.repeat([True, True, False, False], counts)
    after = np.repeat([True, False, True, False], counts)
    p_value = mcnemar_p(before, after)
    assert p_value == mcnemar_p(after, before)
    assert p_value == pytest.approx(slow_p(gained, lost), rel=1e-12)
    if gained + lost:
        assert p_value == pytest.approx(stats.binomtest(gained, gained + lost).pvalue, rel=1e-12)


def test_mcnemar_of_what_does_not_change_is_1() -> None:
    assert mcnemar_p(np.array([True, False]), np.array([True, False])) == 1


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
    assert found.p_value == found.p_holm == pytest.approx(slow_p(3, 1))


def test_genres_changes_add_up_to_the_difference_over_seeds() -> None:
    [found] = differences(SEEDS.outcomes, [BETTER_SEEDS.outcomes])
    changes = sum(genre.after - genre.before for genre in found.genres)
    assert changes / 12 == pytest.approx(found.difference) == pytest.approx(2 / 3 * 3 / 12)


def test_several_differences_are_corrected_for_their_number() -> None:
    others = [blues([1] * n + [0] * (30 - n)) for n in (7, 12, 3)]
    found = differences(blues([0] * 30), others)
    plain = [2 * 0.5**n for n in (7, 12, 3)]
    assert [each.p_value for each in found] == pytest.approx(plain)
    assert [each.p_holm for each in found] == pytest.approx([2 * plain[0], 3 * plain[1], plain[2]])


def test_groups_are_drawn_together() -> None:
    before, after = [0, 0, 0, 0, 1, 1, 1, 1] * 5, [1, 1, 1, 1, 0, 1, 1, 1] * 5
    fours = [n // 4 for n in range(40)]
    [alone] = differences(blues(before), [blues(after)])
    [grouped] = differences(blues(before, fours), [blues(after, fours)])
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    assert grouped.difference == alone.difference


def test_pairwise_is_each_minus_each_with_holms_correction_for_all_pairs() -> None:
    several = [blues([1] * n + [0] * (30 - n)) for n in (0, 7, 12, 3)]
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


def test_sides_by_hand() -> None:
    main = revision("main", predictions(MAIN), commit="abc1234" * 5, summary={"tracks": 12})
    better = revision("better", predictions(BETTER), commit="", model="ann")
    found = compare_revisions([main, better])
    assert (found.protocol, found.tracks, found.groups) == ("song", 12, 12)
    assert found.sides == [found.reference, *found.others]
    [side] = found.others
    assert (found.reference.name, found.reference.commit) == ("main", "abc1234")
    assert (side.name, side.commit, side.model, side.feature) == ("better", "", "ann", "mel")
    assert found.reference.summary == {"tracks": 12}
    for each in found.sides:
        assert each.accuracy == pytest.approx(RIGHT[each.name].mean())
        assert (each.low, each.high) == accuracy_interval(RIGHT[each.name], np.arange(12))
    assert found.differences == differences(main.outcomes, [better.outcomes])


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
    assert [track.track_id for track in difference.lost] == ["blues/02"]  # by mean probability


def test_json_reads_back_as_it_was() -> None:
    content = as_json(compare_revisions([SEEDS, BETTER_SEEDS]))
    assert json.loads(json.dumps(content)) == content
    assert content["reference"] == "seeds"
    assert [side["name"] for side in content["sides"]] == ["seeds", "better seeds"]
    assert [each["revision"] for each in content["differences"]] == ["better seeds"]
