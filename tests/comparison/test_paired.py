"""Judgements by track, and how two differ: by hand, and beside the formulas."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.comparison import paired
from pipeline.evaluation.intervals import difference_interval
from pipeline.comparison.paired import Changed, Judgement

GENRES = ("blues", "rock")


def row(track: str, actual: str, predicted: str, blues: float = 0.5, **more: Any) -> dict[str, str]:
    cells = {"track_id": track, "fold": 0, "actual": actual, "predicted": predicted}
    cells |= {"p_blues": f"{blues:.4f}", "p_rock": f"{1 - blues:.4f}", **more}
    return {name: str(value) for name, value in cells.items()}


def of(correct: list[int]) -> Judgement:
    """A judgement of blues tracks, right where `correct` is 1."""
    return paired.judgement(
        [row(f"t{i:03}", "blues", GENRES[1 - right]) for i, right in enumerate(correct)]
    )


def test_one_row_a_track_is_judged_by_its_vote_in_order_of_tracks() -> None:
    """The vote says rock of t1 though the mean probability says blues."""
    found = paired.judgement([row("t2", "rock", "rock"), row("t1", "blues", "rock", blues=0.9)])
    assert found.track_ids.tolist() == found.groups.tolist() == ["t1", "t2"]
    assert found.actual.tolist() == ["blues", "rock"]
    assert found.predicted.tolist() == ["rock", "rock"]
    assert found.correct.tolist() == [0, 1]
    assert found.folds.tolist() == ["0", "0"]
    assert found.seeds == 1


def test_several_rows_are_judged_by_their_mean() -> None:
    """Votes say rock twice of three; the mean probability says blues."""
    found = paired.judgement(
        [
            row("t1", "blues", "rock", blues=0.45, group="A", fold=2),
            row("t1", "blues", "rock", blues=0.45, group="A", fold=0),
            row("t1", "blues", "blues", blues=0.9, group="A", fold=1),
        ]
    )
    assert found.predicted.tolist() == ["blues"]
    assert found.correct.tolist() == [pytest.approx(1 / 3)]
    assert found.groups.tolist() == ["A"]
    assert found.folds.tolist() == ["0 1 2"]
    assert found.seeds == 3


def test_a_track_without_a_group_is_its_own() -> None:
    rows = [row("t1", "blues", "rock", group=""), row("t2", "blues", "rock", group="A")]
    assert paired.judgement(rows).groups.tolist() == ["t1", "A"]


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
    before = paired.judgement(
        [
            row("a", "blues", "blues"),
            row("b", "blues", "rock"),
            row("c", "blues", "rock"),
            row("d", "rock", "rock"),
        ]
    )
    after = paired.judgement(
        [
            row("a", "blues", "blues"),
            row("b", "blues", "blues"),
            row("c", "blues", "blues"),
            row("d", "rock", "blues"),
        ]
    )
    [found] = paired.differences(before, [after], before.groups, 0)
    assert found.difference == pytest.approx(1 / 4)
    assert (found.low, found.high) == difference_interval(
        before.correct, after.correct, before.groups, 0
    )
    assert found.gained == [
        Changed("b", "blues", "rock", "blues"),
        Changed("c", "blues", "rock", "blues"),
    ]
    assert found.lost == [Changed("d", "rock", "rock", "blues")]
    assert [vars(genre) for genre in found.genres] == [
        {"genre": "blues", "tracks": 3, "before": 1, "after": 3, "gained": 2, "lost": 0},
        {"genre": "rock", "tracks": 1, "before": 1, "after": 0, "gained": 0, "lost": 1},
    ]
    assert found.p_value == found.p_holm == 1


def test_genres_changes_add_up_to_the_difference_over_seeds() -> None:
    rows = [row(f"t{i}", GENRES[i % 2], "blues", group="A") for i in range(4)]
    more = [row(f"t{i}", GENRES[i % 2], "rock", group="A") for i in range(3)]
    [found] = paired.differences(
        paired.judgement(rows), [paired.judgement(rows + more)], np.arange(4), 0
    )
    changes = sum(genre.after - genre.before for genre in found.genres)
    assert changes / 4 == pytest.approx(found.difference)
    assert found.difference == pytest.approx((-0.5 - 0.5 + 0.5) / 4)


def test_holm_is_stepwise_over_all_that_are_compared() -> None:
    reference = of([0] * 30)
    others = [of([1] * n + [0] * (30 - n)) for n in (7, 12, 3)]
    found = paired.differences(reference, others, reference.groups, 0)
    plain = [2 * 0.5**n for n in (7, 12, 3)]
    assert [each.p_value for each in found] == pytest.approx(plain)
    assert [each.p_holm for each in found] == pytest.approx([2 * plain[0], 3 * plain[1], plain[2]])


def test_groups_are_drawn_together() -> None:
    before, after = of([0, 0, 0, 0, 1, 1, 1, 1] * 5), of([1, 1, 1, 1, 0, 1, 1, 1] * 5)
    [alone] = paired.differences(before, [after], np.arange(40), 0)
    [grouped] = paired.differences(before, [after], np.arange(40) // 4, 0)
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    assert grouped.difference == alone.difference
