"""Rows of predictions gathered by track, by hand."""

from typing import Any

import pytest

from pipeline.runs.revisions import outcomes_of, track_outcomes


def row(track: str, actual: str, predicted: str, blues: float = 0.5, **more: Any) -> dict[str, str]:
    cells = {"track_id": track, "fold": 0, "group": track, "actual": actual, "predicted": predicted}
    cells |= {"p_blues": f"{blues:.4f}", "p_rock": f"{1 - blues:.4f}", **more}
    return {name: str(value) for name, value in cells.items()}


def test_one_row_for_each_track_is_taken_at_its_vote_in_order_of_tracks() -> None:
    """The vote says rock of t1 though the mean probability says blues."""
    found = track_outcomes([row("t2", "rock", "rock"), row("t1", "blues", "rock", blues=0.9)])
    assert found.track_ids.tolist() == found.groups.tolist() == ["t1", "t2"]
    assert found.actual.tolist() == ["blues", "rock"]
    assert found.predicted.tolist() == ["rock", "rock"]
    assert found.correct.tolist() == [0, 1]
    assert found.right.tolist() == [False, True]
    assert found.folds.tolist() == ["0", "0"]
    assert found.seeds == 1


def test_several_rows_are_taken_at_their_mean() -> None:
    """Votes say rock twice of three; the mean probability says blues."""
    found = track_outcomes(
        [
            row("t1", "blues", "rock", blues=0.45, group="A", fold=2),
            row("t1", "blues", "rock", blues=0.45, group="A", fold=0),
            row("t1", "blues", "blues", blues=0.9, group="A", fold=1),
        ]
    )
    assert found.predicted.tolist() == ["blues"]
    assert found.right.tolist() == [True]
    assert found.correct.tolist() == [pytest.approx(1 / 3)]
    assert found.groups.tolist() == ["A"]
    assert found.folds.tolist() == ["0 1 2"]
    assert found.seeds == 3


def test_cells_that_are_not_text_yet_are_taken_as_if_they_had_been_written() -> None:
    """Folds are sorted as text."""
    cells = {"track_id": "t1", "group": "A", "actual": "blues", "predicted": "rock"}
    chances = {"p_blues": 0.9, "p_rock": 0.1}
    found = outcomes_of([{**cells, **chances, "fold": fold} for fold in (9, 10)])
    assert found.folds.tolist() == ["10 9"]
    assert found.predicted.tolist() == ["blues"]
    assert found.correct.tolist() == [0]
