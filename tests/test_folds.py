"""Folds: balanced, seeded, and without a leak that the audit would not name."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.folds import FoldError, audit, inner_validation, song

PARTS = ("training", "validation", "test")


def tracks_of(counts: list[int]) -> tuple[list[str], list[str]]:
    genres = [f"genre {g}" for g, count in enumerate(counts) for _ in range(count)]
    return [f"{genre}/{i:03d}" for i, genre in enumerate(genres)], genres


@settings(deadline=None, max_examples=50)
@given(
    folds=st.integers(2, 6),
    extra=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_song_deals_each_genre_evenly(
    folds: int, extra: list[int], seed: int, data: st.DataObject
) -> None:
    genres = data.draw(st.permutations(tracks_of([folds + more for more in extra])[1]))
    fold_of = song(genres, folds, seed)
    assert len(fold_of) == len(genres)
    assert all(type(fold) is int for fold in fold_of)
    for genre in set(genres):
        sizes = Counter(f for f, g in zip(fold_of, genres, strict=True) if g == genre)
        assert set(sizes) == set(range(folds))
        assert max(sizes.values()) - min(sizes.values()) <= 1


def test_song_answers_in_the_order_of_its_tracks() -> None:
    """Two genres of as many tracks as folds: each genre has each fold once, where it stands."""
    fold_of = song(["a", "b"] * 5, 5, 0)
    assert sorted(fold_of[::2]) == sorted(fold_of[1::2]) == [0, 1, 2, 3, 4]


def test_song_depends_on_its_seed_alone() -> None:
    _, genres = tracks_of([10, 10])
    assert song(genres, 5, 1) == song(genres, 5, 1)
    assert song(genres, 5, 1) != song(genres, 5, 2)


def test_genre_with_fewer_tracks_than_folds_is_named() -> None:
    expected = (
        r"^genre 'jazz' has 3 usable tracks, fewer than split\.folds = 4; add tracks or lower "
        r"split\.folds to at most 3$"
    )
    with pytest.raises(FoldError, match=expected):
        song(["blues"] * 4 + ["jazz"] * 3, 4, 0)
    assert Counter(song(["blues"] * 4 + ["jazz"] * 4, 4, 0)) == {0: 2, 1: 2, 2: 2, 3: 2}


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=1, max_size=4),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_validation_takes_its_share_of_each_genre(
    counts: list[int], share: float, seed: int
) -> None:
    track_ids, genres = tracks_of(counts)
    kept = inner_validation(track_ids, genres, share, seed)
    assert kept <= set(track_ids)
    taken = Counter(track_id.split("/")[0] for track_id in kept)
    for genre, count in Counter(genres).items():
        assert 1 <= taken[genre] < count
        assert abs(taken[genre] - share * count) <= 1


def test_validation_of_a_tenth() -> None:
    track_ids, genres = tracks_of([90, 20, 4])
    kept = inner_validation(track_ids, genres, 0.1, 3)
    taken = Counter(track_id.split("/")[0] for track_id in kept)
    assert taken == {"genre 0": 9, "genre 1": 2, "genre 2": 1}


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_validation_depends_on_ids_and_seed_alone(seed: int, data: st.DataObject) -> None:
    pairs = list(zip(*tracks_of([9, 5, 7]), strict=True))
    mixed = data.draw(st.permutations(pairs))
    results = [
        inner_validation([t for t, _ in order], [g for _, g in order], 0.3, seed)
        for order in (pairs, mixed)
    ]
    assert results[0] == results[1]


def test_validation_differs_between_seeds() -> None:
    track_ids, genres = tracks_of([30])
    chosen = {frozenset(inner_validation(track_ids, genres, 0.2, seed)) for seed in range(5)}
    assert len(chosen) > 1


def test_single_training_track_is_named() -> None:
    with pytest.raises(FoldError, match="genre 'jazz' has one training track; training and"):
        inner_validation(["a", "b", "c"], ["blues", "blues", "jazz"], 0.5, 0)


@given(
    sizes=st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    pair=st.sampled_from(list(combinations(range(3), 2))),
    leaked=st.sets(st.integers(100, 120), min_size=1, max_size=10),
)
def test_planted_leak_is_named(
    sizes: tuple[int, int, int], pair: tuple[int, int], leaked: set[int]
) -> None:
    parts = [[f"{part}/{i}" for i in range(size)] for part, size in enumerate(sizes)]
    audit(*parts)
    names = [f"x/{i}" for i in sorted(leaked)]
    for part in pair:
        parts[part] += names
    first, second = (PARTS[part] for part in pair)
    with pytest.raises(FoldError) as caught:
        audit(*parts)
    assert str(caught.value) == f"leak: in {first} and in {second}: {', '.join(names)}"


def test_long_leak_names_ten_tracks() -> None:
    leaked = [f"x/{i:02d}" for i in range(30)]
    with pytest.raises(FoldError, match=r"x/00, .*x/09$"):
        audit(leaked, ["v"], leaked)


def test_track_twice_in_one_part_is_no_leak() -> None:
    audit(["a", "a"], ["b"], ["c"])
