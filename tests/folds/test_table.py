"""The table of folds: it is read as it was written, and divides tracks into training and test."""

from pathlib import Path

import pytest
from helpers import folded
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import PipelineError
from pipeline.base.files import write_csv
from pipeline.folds.table import FOLD_COLUMNS, FoldedTrack, folds_of, read_folds, sides, write_folds

TABLE = [
    FoldedTrack("a/1", None, "a", "Björk, again", "", (3,)),
    FoldedTrack("a/2", None, "a", "", "a/2", (0, 1, 2)),
    FoldedTrack("b/1", 0, "b", "", "", ()),
    FoldedTrack("b/1", 11, "b", "", "", (0,)),
]


def test_folds_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "folds.csv"
    write_folds(TABLE, path)
    assert read_folds(path) == TABLE
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "track_id,clip,genre,artist,replica,tested_in"
    assert lines[2:] == ["a/2,,a,,a/2,0 1 2", "b/1,0,b,,,", "b/1,11,b,,,0"]


@pytest.mark.parametrize("cells", [{"clip": "x"}, {"clip": -1}, {"tested_in": "0 x"}], ids=str)
def test_a_damaged_row_is_named(tmp_path: Path, cells: dict[str, str]) -> None:
    write_csv(tmp_path / "folds.csv", FOLD_COLUMNS, [{"track_id": "a/1", **cells}])
    with pytest.raises(PipelineError, match=r"folds\.csv, line 2 is damaged; run `dvc repro`"):
        read_folds(tmp_path / "folds.csv")


def test_the_column_left_out_of_is_written_only_if_needed(tmp_path: Path) -> None:
    path = tmp_path / "folds.csv"
    table = [TABLE[0], folded("a/2", "a", tested_in=(0,), left_out_of=(1, 12))]
    write_folds(table, path)
    assert read_folds(path) == table
    assert path.read_text(encoding="utf-8").splitlines()[::2] == [
        "track_id,clip,genre,artist,replica,tested_in,left_out_of",
        "a/2,,a,,,0,1 12",
    ]


def test_a_track_that_a_fold_leaves_out_is_on_neither_side() -> None:
    one, other = folded("a/1", "a", tested_in=(0,), left_out_of=(2,)), folded("a/2", "a")
    expected = [([other], [one]), ([one, other], []), ([other], [])]
    assert [sides([one, other], fold) for fold in range(3)] == expected


@given(st.lists(st.sets(st.integers(0, 5)), min_size=1))
def test_a_track_is_on_one_side_of_each_fold(places: list[set[int]]) -> None:
    tracks = [folded(f"a/{n}", "a", tested_in=tuple(place)) for n, place in enumerate(places)]
    assert folds_of(tracks) == sorted(set().union(*places))
    for fold in folds_of(tracks):
        training, test = sides(tracks, fold)
        assert test == [track for track, place in zip(tracks, places, strict=True) if fold in place]
        assert training == [track for track in tracks if track not in test]
