"""Groups of tracks that share an artist or a replica, and inner validation by whole groups."""

from collections.abc import Sequence
from itertools import combinations

import pytest
from helpers import folded
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import FoldError
from pipeline.folds.groups import groups, inner_validation, keeps_artists_apart, replica_groups
from pipeline.folds.table import FoldedTrack

SEEDS = st.integers(0, 2**32 - 1)
TIES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


def tracks_of(ties: Sequence[tuple[int, int]]) -> list[FoldedTrack]:
    """Tracks from numbers of artists and of replica groups, 0 for none."""
    return [
        folded(
            f"g/{n:02d}",
            "g",
            artist=f"artist {artist}" if artist else "",
            replica=f"g/{replica:02d}" if replica else "",
        )
        for n, (artist, replica) in enumerate(ties)
    ]


def reachable(start: int, neighbours: Sequence[tuple[int, int]]) -> set[int]:
    """Everything that can be reached from `start`, from one neighbour to the next."""
    found = {start}
    for _ in neighbours:
        found |= {b for a, b in neighbours if a in found} | {a for a, b in neighbours if b in found}
    return found


@given(TIES)
def test_groups_are_what_can_be_reached(ties: list[tuple[int, int]]) -> None:
    tracks = tracks_of(ties)
    names = groups(tracks)
    neighbours = [
        (a, b)
        for a, b in combinations(range(len(ties)), 2)
        if any(x and x == y for x, y in zip(ties[a], ties[b], strict=True))
    ]
    for number, name in enumerate(names):
        same = {other for other in range(len(names)) if names[other] == name}
        assert same == reachable(number, neighbours)


def test_a_group_is_named_by_its_first_artist_or_its_first_track() -> None:
    ties = [(0, 0), (2, 3), (1, 3), (2, 0), (0, 5), (0, 5)]
    expected = ["g/00", "artist 1", "artist 1", "artist 1", "g/04", "g/04"]
    assert groups(tracks_of(ties)) == expected
    assert groups(tracks_of(ties)[::-1]) == expected[::-1]


def test_an_artist_and_a_replica_of_the_same_name_are_different() -> None:
    names = groups([folded("a", "g", artist="x"), folded("b", "g", replica="x")])
    assert names == ["x", "b"]


def test_each_clip_of_a_track_is_a_group() -> None:
    clips = [folded("a", "g", clip=0), folded("a", "g", clip=1), folded("b", "g", clip=0)]
    assert groups(clips) == ["a#0", "a#1", "b#0"]


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 2), max_size=9), st.sets(st.integers(0, 9)))
def test_replicas_are_what_pairs_lead_to(pairs: list[tuple[int, int]], kept: set[int]) -> None:
    found = replica_groups(map(str, kept), [(str(a), str(b)) for a, b in pairs])
    for track in kept:
        others = reachable(track, pairs) & kept
        expected = str(min(others)) if len(others) > 1 else None
        assert found.pop(str(track), None) == expected
    assert found == {}


def test_artists_are_kept_apart_where_no_fold_tests_one_that_it_trains_on() -> None:
    def keeps(*artists: str) -> bool:
        folds = enumerate(artists)
        return keeps_artists_apart(
            [folded(f"g/{n}", "g", artist=name, tested_in=(n % 2,)) for n, name in folds]
        )

    assert keeps("A", "B", "A", "B")
    assert keeps("A", "B", "", "")
    assert not keeps("A", "a")
    assert not keeps("A", "B", "B", "")
    assert not keeps("A", "B and A")
    assert not keeps("", "")


def of_genres(counts: list[int]) -> list[FoldedTrack]:
    return [
        folded(f"genre {g}/{i:03d}", f"genre {g}")
        for g, count in enumerate(counts)
        for i in range(count)
    ]


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from([0, 0, 0, 1, 2])),
        min_size=1,
        max_size=30,
    ),
    st.floats(0.01, 0.99),
    SEEDS,
)
def test_no_group_is_split_and_no_genre_is_left_without_training(
    drawn: list[tuple[int, int, int]], share: float, seed: int
) -> None:
    tracks = [
        folded(f"{genre}/{n}", str(genre), artist=str(artist), replica=str(other or ""))
        for n, (genre, artist, other) in enumerate(drawn)
    ]
    try:
        kept = inner_validation(tracks, share, seed)
    except FoldError:
        kept = set()
    names = groups(tracks)
    inside = {name for track, name in zip(tracks, names, strict=True) if track in kept}
    outside = {name for track, name in zip(tracks, names, strict=True) if track not in kept}
    assert not inside & outside
    assert {track.genre for track in set(tracks) - kept} == {track.genre for track in tracks}
    if not kept:  # only if keeping any group would leave a genre without training
        for name in names:
            rest = {t.genre for t, other in zip(tracks, names, strict=True) if other != name}
            assert rest != {track.genre for track in tracks}


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(st.integers(1, 12), min_size=2, max_size=8)
        | st.lists(st.just(1), min_size=2, max_size=40),
        min_size=1,
        max_size=3,
    ),
    st.floats(0.01, 0.99),
    SEEDS,
)
def test_groups_fill_the_share_as_far_as_they_fit(
    sizes: list[list[int]], share: float, seed: int
) -> None:
    """Where each has one genre: at most the share, and no other group would fit in."""
    tracks = [
        folded(f"{g}/{a}/{n}", str(g), artist=f"{g} {a}" if count > 1 else "")
        for g, artists in enumerate(sizes)
        for a, count in enumerate(artists)
        for n in range(count)
    ]
    drawn = inner_validation(tracks, share, seed)
    assert drawn <= set(tracks)
    kept = {track.track_id.rpartition("/")[0] for track in drawn}
    for g, artists in enumerate(sizes):
        inside = [count for a, count in enumerate(artists) if f"{g}/{a}" in kept]
        outside = [count for a, count in enumerate(artists) if f"{g}/{a}" not in kept]
        goal = max(1, round(share * sum(artists)))
        assert inside
        assert outside
        assert sum(inside) <= goal or inside == [min(artists)]
        assert len(outside) == 1 or sum(inside) + min(outside) > goal


def test_clips_are_drawn_one_by_one() -> None:
    clips = [folded(f"a/{n}", "a", clip=clip) for n in range(2) for clip in range(10)]
    kept = inner_validation(clips, 0.5, 0)
    assert len(kept) == 10
    assert {track.track_id for track in kept} == {"a/0", "a/1"}


@settings(max_examples=30)
@given(SEEDS, st.data())
def test_it_depends_on_tracks_and_seed_alone(seed: int, data: st.DataObject) -> None:
    artists = [folded(f"x/{n}", "x", artist=str(n // 3)) for n in range(12)]
    tracks = [*of_genres([9, 5]), *artists]
    mixed = data.draw(st.permutations(tracks))
    assert inner_validation(tracks, 0.3, seed) == inner_validation(mixed, 0.3, seed)
    others = {frozenset(inner_validation(tracks, 0.3, seed + n)) for n in range(5)}
    assert len(others) > 1


def test_single_training_track_is_named() -> None:
    with pytest.raises(
        FoldError, match="genre 'genre 1' has one training track, counting replicas"
    ):
        inner_validation(of_genres([2, 1]), 0.5, 0)
    twins = [folded(f"jazz/{n}", "jazz", replica="jazz/0") for n in range(2)]
    with pytest.raises(FoldError, match="genre 'jazz' has one training track"):
        inner_validation([*of_genres([2]), *twins], 0.5, 0)


def test_a_genre_of_one_artist_validates_nothing() -> None:
    one = [folded(f"jazz/{n}", "jazz", artist="Monk") for n in range(4)]
    two = [folded(f"pop/{n}", "pop", artist=f"pop {n}") for n in range(2)]
    assert {track.genre for track in inner_validation([*one, *two], 0.5, 0)} == {"pop"}
    with pytest.raises(FoldError, match="no genre has two artists in training"):
        inner_validation(one, 0.5, 0)
