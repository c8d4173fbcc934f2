"""How two outcomes differ: by hand, and beside the formulas."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pipeline.evaluation.intervals import difference_interval
from pipeline.runs import comparison as paired
from pipeline.runs.comparison import ChangedTrack
from pipeline.runs.revisions import TrackOutcomes, track_outcomes

GENRES = ("blues", "rock")
Predicted = tuple[str, str, str]  # track, actual, predicted


def outcomes(*tracks: Predicted, groups: Sequence[object] = ()) -> TrackOutcomes:
    """Outcomes of one row for each of `tracks`; each is a group if there are no `groups`."""
    rows = [
        {
            **{"track_id": track, "fold": "0", "actual": actual, "predicted": predicted},
            **{"group": str(groups[n]) if groups else track},
            **{f"p_{genre}": str(float(genre == predicted)) for genre in GENRES},
        }
        for n, (track, actual, predicted) in enumerate(tracks)
    ]
    return track_outcomes(rows)


def blues(correct: Sequence[int], groups: Sequence[object] = ()) -> TrackOutcomes:
    """Outcomes of blues tracks, right where `correct` is 1."""
    tracks = [(f"t{n:03}", "blues", GENRES[1 - right]) for n, right in enumerate(correct)]
    return outcomes(*tracks, groups=groups)


@pytest.mark.parametrize("counts", [(9, 4, 2, 5), (0, 7, 0, 3), (50, 1, 30, 5), (3, 0, 12, 0)])
def test_mcnemar_is_the_binomial_test_of_the_changed(counts: tuple[int, ...]) -> None:
    _, only_before, only_after, _ = counts
    before = np.repeat([True, True, False, False], counts)
    after = np.repeat([True, False, True, False], counts)
    changed = only_before + only_after
    exact = stats.binomtest(only_after, changed, 0.5).pvalue
    assert paired.mcnemar_p(before, after) == pytest.approx(exact)
    tail = stats.binom.cdf(min(only_before, only_after), changed, 0.5)
    assert paired.mcnemar_p(before, after) == pytest.approx(min(1, 2 * tail))
    assert paired.mcnemar_p(after, before) == pytest.approx(exact)


def test_mcnemar_of_what_does_not_change_is_1() -> None:
    assert paired.mcnemar_p(np.array([True, False]), np.array([True, False])) == 1


def test_difference_by_hand() -> None:
    actual = {"a": "blues", "b": "blues", "c": "blues", "d": "rock"}
    before, after = (
        outcomes(
            *((track, actual[track], genre) for track, genre in zip("abcd", names, strict=True))
        )
        for names in (["blues", "rock", "rock", "rock"], ["blues", "blues", "blues", "blues"])
    )
    [found] = paired.differences(before, [after], 0)
    assert found.difference == pytest.approx(1 / 4)
    assert (found.low, found.high) == difference_interval(
        before.correct, after.correct, before.groups, 0
    )
    assert found.gained == [
        ChangedTrack("b", "blues", "rock", "blues"),
        ChangedTrack("c", "blues", "rock", "blues"),
    ]
    assert found.lost == [ChangedTrack("d", "rock", "rock", "blues")]
    assert [vars(genre) for genre in found.genres] == [
        {"genre": "blues", "tracks": 3, "before": 1, "after": 3, "gained": 2, "lost": 0},
        {"genre": "rock", "tracks": 1, "before": 1, "after": 0, "gained": 0, "lost": 1},
    ]
    assert found.p_value == found.p_holm == 1


def test_genres_changes_add_up_to_the_difference_over_seeds() -> None:
    tracks = [(f"t{n}", GENRES[n % 2]) for n in range(4)]
    first = [(*track, "blues") for track in tracks]
    second = [(*track, "rock") for track in tracks[:3]]
    [found] = paired.differences(outcomes(*first), [outcomes(*first, *second)], 0)
    changes = sum(genre.after - genre.before for genre in found.genres)
    assert changes / 4 == pytest.approx(found.difference)
    assert found.difference == pytest.approx((-0.5 - 0.5 + 0.5) / 4)


def test_holm_is_stepwise_over_all_that_are_compared() -> None:
    others = [blues([1] * n + [0] * (30 - n)) for n in (7, 12, 3)]
    found = paired.differences(blues([0] * 30), others, 0)
    plain = [2 * 0.5**n for n in (7, 12, 3)]
    assert [each.p_value for each in found] == pytest.approx(plain)
    assert [each.p_holm for each in found] == pytest.approx([2 * plain[0], 3 * plain[1], plain[2]])


def test_groups_are_drawn_together() -> None:
    before, after = [0, 0, 0, 0, 1, 1, 1, 1] * 5, [1, 1, 1, 1, 0, 1, 1, 1] * 5
    fours = [n // 4 for n in range(40)]
    [alone] = paired.differences(blues(before), [blues(after)], 0)
    [grouped] = paired.differences(blues(before, fours), [blues(after, fours)], 0)
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    assert grouped.difference == alone.difference


def test_pairwise_is_each_minus_each_with_holms_correction_for_all_pairs() -> None:
    several = [blues([1] * n + [0] * (30 - n)) for n in (0, 7, 12, 3)]
    matrix = paired.pairwise(several)
    plain = [
        paired.differences(several[row], [several[column]], 0)[0].p_value
        for row in range(4)
        for column in range(row + 1, 4)
    ]
    corrected = iter(multipletests(plain, method="holm")[1])
    for row in range(4):
        assert matrix[row][row] == paired.Pair(0, 1)
        for column in range(row + 1, 4):
            pair, opposite = matrix[row][column], matrix[column][row]
            means = [float(several[number].correct.mean()) for number in (row, column)]
            assert pair.difference == pytest.approx(means[0] - means[1])
            assert opposite.difference == -pair.difference
            assert pair.p_holm == opposite.p_holm == pytest.approx(next(corrected))
