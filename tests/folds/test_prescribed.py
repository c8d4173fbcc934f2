"""Folds and splits that the dataset prescribes: replicas and artists on two sides."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import FoldError
from pipeline.dataset.tracks import Track
from pipeline.folds.protocols import PROTOCOLS, by_fold_or_split, by_split
from pipeline.folds.table import ProtocolName, SplitParams, folds_of, sides


def params_of(judge: Any = "test", seeds: int = 3) -> SplitParams:
    return SplitParams(protocol="given", folds=2, judge=judge, seeds=seeds)


def track_of(track_id: str, **known: Any) -> Track:
    nothing: dict[str, Any] = {"artist": "", "split": "", "fold": "", "clips": 1, "sha256": ""}
    return Track(track_id, track_id.split("/")[0], **{**nothing, **known})


SPLIT = [
    track_of("a/0", split="train"),
    track_of("a/1", split="train"),
    track_of("a/2", split="valid"),
    track_of("b/0", split="test"),
    track_of("b/1"),
    track_of("b/2", split="train"),
]


@pytest.mark.parametrize("protocol", ["filtered", "given"])
@pytest.mark.parametrize(("judge", "tested"), [("test", "b/0"), ("valid", "a/2")])
def test_a_split_is_trained_on_with_several_seeds(
    protocol: ProtocolName, judge: str, tested: str
) -> None:
    replicas = {"a/0": "a/0", "b/1": "a/0"}
    assigned = PROTOCOLS[protocol](SPLIT, replicas, params_of(judge, seeds=4), 0)
    assert {track.track_id: track.tested_in for track in assigned} == {
        "a/0": (),
        "a/1": (),
        "b/2": (),
        tested: (0, 1, 2, 3),
    }
    assert {track.track_id: track.replica for track in assigned}["a/0"] == "a/0"
    for seed in range(4):
        training, test = sides(assigned, seed)
        assert [track.track_id for track in test] == [tested]
        assert len(training) == 3


@settings(max_examples=200)
@given(
    drawn=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=12),
    column=st.sampled_from(["fold", "split"]),
)
def test_replicas_of_what_a_fold_tests_do_not_train_and_all_else_does(
    drawn: list[tuple[int, int]], column: str
) -> None:
    drawn = [(0, 0), (1, 0), *drawn]
    names = ["train", "test", "valid", ""] if column == "split" else ["0", "1", "2", ""]
    tracks = [track_of(f"a/{n}", **{column: names[i]}) for n, (i, _) in enumerate(drawn)]
    replicas = {t.track_id: f"r{r}" for t, (_, r) in zip(tracks, drawn, strict=True) if r}
    assigned = by_fold_or_split(tracks, replicas, params_of(), 0)
    for fold in folds_of(assigned):
        training, test = sides(assigned, fold)
        assert test == [track for track in assigned if fold in track.tested_in]
        tested = [track.replica for track in test if track.replica]
        others = [track for track in assigned if track not in test]
        assert training == [track for track in others if track.replica not in tested]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("train", r"^no labelled track is in the part 'train' of the split$"),
        ("test", r"^split\.judge = 'test': no labelled track is in that part of the split$"),
    ],
)
def test_split_without_a_part_is_an_error(missing: str, expected: str) -> None:
    tracks = [track for track in SPLIT if track.split != missing]
    with pytest.raises(FoldError, match=expected):
        by_split(tracks, {}, params_of(), 0)


@pytest.mark.parametrize("value", ["Train", "validation", "0"])
def test_unknown_part_is_named(value: str) -> None:
    tracks = [*SPLIT, replace(SPLIT[0], track_id="a/9", split=value)]
    with pytest.raises(FoldError, match=f"^the split of a/9 = '{value}': should be train,"):
        by_fold_or_split(tracks, {}, params_of(), 0)


def test_folds_are_numbered_in_sorted_order_and_tracks_without_one_are_left_out() -> None:
    names = ["10", "9", "x", "", "9"]
    tracks = [track_of(f"a/{n}", fold=name, split="test") for n, name in enumerate(names)]
    assigned = by_fold_or_split(tracks, {"a/0": "a/0"}, params_of(), 0)
    assert {track.track_id: track.tested_in for track in assigned} == {
        "a/0": (1,),
        "a/1": (0,),
        "a/2": (2,),
        "a/4": (0,),
    }
    assert [track.replica for track in assigned] == ["a/0", "", "", ""]


def test_a_number_of_a_fold_may_have_any_length() -> None:
    names = ["1" + 5000 * "0", "009", "10", "9"]
    tracks = [track_of(f"a/{n}", fold=name) for n, name in enumerate(names)]
    assigned = by_fold_or_split(tracks, {}, params_of(), 0)
    assert [track.tested_in for track in assigned] == [(3,), (0,), (2,), (1,)]


def test_a_single_fold_is_an_error() -> None:
    with pytest.raises(FoldError, match=r"every fold in metadata\.csv is '3'; at least two are"):
        by_fold_or_split([track_of("a/0", fold="3"), track_of("b/0", fold="3")], {}, params_of(), 0)


def test_neither_folds_nor_a_split_is_an_error() -> None:
    with pytest.raises(FoldError, match=r"'given' needs a column fold or split in metadata\.csv"):
        by_fold_or_split([track_of("a/0"), track_of("b/0")], {}, params_of(), 0)


def test_artists_are_named_where_the_split_keeps_them_apart() -> None:
    def named(*artists: str) -> list[str]:
        tracks = [
            replace(track, artist=artist) for track, artist in zip(SPLIT, artists, strict=True)
        ]
        return [track.artist for track in by_split(tracks, {}, params_of(), 0)]

    assert named("A", "A", "B", "B", "B", "C") == ["A", "A", "B", "C"]
    assert named("A", "B", "C", "a", "C", "C") == ["", "", "", ""]
    # Only the joint credit is on two sides, so it alone is left without a name.
    assert named("A", "B", "C", "D and A", "C", "C") == ["A", "B", "", "C"]
