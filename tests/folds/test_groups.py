"""Groups: tracks that share an artist or a replica, even indirectly, have the same name."""

from collections.abc import Sequence
from itertools import combinations

from helpers import folded
from hypothesis import given
from hypothesis import strategies as st

from pipeline.folds.groups import groups, keeps_artists_apart, replica_groups
from pipeline.folds.table import FoldedTrack

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


def test_without_tracks_there_are_no_groups() -> None:
    assert groups([]) == []
    assert replica_groups(["a"], []) == {}


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 2), max_size=9), st.sets(st.integers(0, 9)))
def test_replicas_are_what_pairs_lead_to(pairs: list[tuple[int, int]], kept: set[int]) -> None:
    found = replica_groups(map(str, kept), [(str(a), str(b)) for a, b in pairs])
    for track in kept:
        others = reachable(track, pairs) & kept
        expected = str(min(others)) if len(others) > 1 else None
        assert found.pop(str(track), None) == expected
    assert found == {}


def test_a_long_chain_is_one_group() -> None:
    names = [f"{n:05d}" for n in range(20_000)]
    pairs = list(zip(names[1:], names, strict=False))
    assert set(replica_groups(names, pairs).values()) == {"00000"}
    assert set(replica_groups(names, pairs[::-1]).values()) == {"00000"}


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
