"""Protocols that draw folds: balanced, seeded, and no group is ever on two sides."""

from collections import Counter, defaultdict
from typing import Any, get_args

import numpy as np
import pytest
from helpers import folded
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import FoldError
from pipeline.dataset.gtzan import read_facts
from pipeline.dataset.tracks import Track
from pipeline.folds.groups import groups
from pipeline.folds.protocols import PROTOCOLS, artist, clip, song
from pipeline.folds.table import FoldedTrack, ProtocolName, SplitParams, folds_of

SEEDS = st.integers(0, 2**32 - 1)


def params_of(folds: int) -> SplitParams:
    return SplitParams(protocol="song", folds=folds, judge="test", seeds=2)


def track_of(track_id: str, **known: Any) -> Track:
    nothing: dict[str, Any] = {"artist": "", "split": "", "fold": "", "clips": 1, "sha256": ""}
    return Track(track_id, track_id.split("/")[0], **{**nothing, **known})


def tracks_of(counts: list[int], **known: Any) -> list[Track]:
    return [
        track_of(f"genre {g}/{i:03d}", **known)
        for g, count in enumerate(counts)
        for i in range(count)
    ]


def sizes(tracks: list[FoldedTrack], folds: int) -> dict[str, list[int]]:
    """How many tracks of each genre each fold tests."""
    counts = {track.genre: [0] * folds for track in tracks}
    for track in tracks:
        [fold] = track.tested_in
        counts[track.genre][fold] += 1
    return counts


def test_every_protocol_is_a_choice_and_the_other_way_round() -> None:
    assert set(PROTOCOLS) == set(get_args(ProtocolName))


@settings(max_examples=100)
@given(
    folds=st.integers(2, 6),
    extra=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    seed=SEEDS,
    data=st.data(),
)
def test_song_folds_are_even_in_each_genre(
    folds: int, extra: list[int], seed: int, data: st.DataObject
) -> None:
    tracks = data.draw(st.permutations(tracks_of([folds + more for more in extra])))
    assigned = song(tracks, {}, params_of(folds), seed)
    assert [track.track_id for track in assigned] == [track.track_id for track in tracks]
    for counts in sizes(assigned, folds).values():
        assert max(counts) - min(counts) <= 1
    totals = np.sum(list(sizes(assigned, folds).values()), axis=0)
    assert np.ptp(totals) <= 1  # the extra track of one genre makes up for that of another


def test_song_folds_are_even_where_genres_have_odd_sizes() -> None:
    assigned = song(tracks_of([997, 331, 103, 49]), {}, params_of(7), 5)
    for counts in sizes(assigned, 7).values():
        assert max(counts) - min(counts) <= 1


@settings(max_examples=200)
@given(
    drawn=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 8), st.sampled_from([0, 0, 0, 1, 2, 3])),
        min_size=12,
        max_size=40,
    ),
    folds=st.integers(2, 4),
    seed=SEEDS,
    protocol=st.sampled_from(["song", "artist"]),
)
def test_no_artist_and_no_replica_is_on_two_sides(
    drawn: list[tuple[int, int, int]], folds: int, seed: int, protocol: ProtocolName
) -> None:
    tracks = [track_of(f"{g}/{n}", artist=str(a or "")) for n, (g, a, _) in enumerate(drawn)]
    replicas = {t.track_id: f"r{r}" for t, (_, _, r) in zip(tracks, drawn, strict=True) if r}
    try:
        assigned = PROTOCOLS[protocol](tracks, replicas, params_of(folds), seed)
    except FoldError:
        few = min(Counter(track.genre for track in tracks).values()) < folds
        tied = [
            folded(
                track.track_id,
                track.genre,
                artist=track.artist if protocol == "artist" else "",
                replica=replicas.get(track.track_id, ""),
            )
            for track in tracks
        ]
        assert (few and protocol == "song") or len(set(groups(tied))) < folds
        return
    assert [(track.track_id, track.genre) for track in assigned] == [
        (track.track_id, track.genre) for track in tracks
    ]
    homes = defaultdict(set)
    for track, row in zip(tracks, assigned, strict=True):
        assert row.replica == replicas.get(track.track_id, "")
        assert row.artist == (track.artist if protocol == "artist" else "")
        [fold] = row.tested_in
        for tie in (("replica", row.replica), ("artist", row.artist)):
            homes[tie].add(fold)
    assert all(len(found) == 1 for (_, name), found in homes.items() if name)


def gtzan_tracks() -> list[Track]:
    return [track_of(name, artist=fact.artist) for name, fact in read_facts().items()]


def test_gtzan_by_artist_has_even_folds_and_hardly_an_absent_genre() -> None:
    assigned = artist(gtzan_tracks(), {}, params_of(10), 42)
    counts = np.array(list(sizes(assigned, 10).values()))
    assert np.ptp(counts.sum(axis=0)) <= 25
    assert (counts == 0).sum() <= 2  # blues has nine artists


@settings(max_examples=30)
@given(SEEDS, st.data())
def test_folds_depend_on_tracks_and_seed_alone(seed: int, data: st.DataObject) -> None:
    tracks = [track_of(f"{n % 3}/{n}", artist=f"artist {n // 4}") for n in range(30)]
    mixed = data.draw(st.permutations(tracks))
    for name in ("song", "artist", "clip"):
        first, second = (
            PROTOCOLS[name](order, {}, params_of(3), seed) for order in (tracks, mixed)
        )
        assert set(first) == set(second)


def test_folds_differ_between_seeds() -> None:
    for name in ("song", "artist", "clip"):
        assigned = {
            tuple(PROTOCOLS[name](tracks_of([10, 10]), {}, params_of(5), s)) for s in range(3)
        }
        assert len(assigned) == 3


@pytest.mark.parametrize(("protocol", "what"), [("song", "usable tracks"), ("clip", "clips")])
def test_the_smallest_genre_is_named_if_it_has_fewer_tracks_than_folds(
    protocol: ProtocolName, what: str
) -> None:
    expected = (
        rf"^genre 'genre 1' has 2 {what}, fewer than split\.folds = 4; add tracks or lower "
        r"split\.folds to at most 2$"
    )
    with pytest.raises(FoldError, match=expected):
        PROTOCOLS[protocol](tracks_of([3, 2, 4]), {}, params_of(4), 0)
    assigned = PROTOCOLS[protocol](tracks_of([4, 4]), {}, params_of(4), 0)
    assert set(map(tuple, sizes(assigned, 4).values())) == {(1, 1, 1, 1)}


def test_fewer_artists_than_folds_are_counted() -> None:
    tracks = tracks_of([5, 5], artist="one")
    others = [track_of("genre 0/x"), track_of("genre 1/y", artist="two")]
    expected = (
        r"^split\.folds = 4: there are 3 artists or recordings to assign; lower it to at most 3$"
    )
    with pytest.raises(FoldError, match=expected):
        artist([*tracks, *others], {}, params_of(4), 0)
    assert folds_of(artist([*tracks, *others], {}, params_of(3), 0)) == [0, 1, 2]


def test_fewer_recordings_than_folds_are_counted() -> None:
    tracks = tracks_of([2, 2])
    replicas = {track.track_id: tracks[0].track_id for track in tracks}
    with pytest.raises(FoldError, match=r"split\.folds = 2: there are 1 artists or recordings"):
        song(tracks, replicas, params_of(2), 0)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=4), st.integers(2, 5))
def test_no_fold_is_empty(drawn: list[tuple[int, int]], folds: int) -> None:
    tracks = [track_of(f"{g}/{n}", artist=str(a)) for n, (g, a) in enumerate(drawn)]
    if len({track.artist for track in tracks}) >= folds:
        assigned = artist(tracks, {}, params_of(folds), 0)
        assert folds_of(assigned) == list(range(folds))


def test_a_track_without_artist_is_a_group_and_genres_may_be_absent() -> None:
    tracks = [*tracks_of([6], artist="one"), *tracks_of([0, 6])]
    assigned = artist(tracks, {}, params_of(3), 0)
    assert sorted(sizes(assigned, 3)["genre 0"]) == [0, 0, 6]
    assert len(set(groups(assigned))) == 7


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=8, max_size=20), st.integers(2, 4), SEEDS)
def test_every_clip_is_in_one_clip_fold(clips: list[int], folds: int, seed: int) -> None:
    tracks = [track_of(f"{n % 2}/{n:02d}", clips=count) for n, count in enumerate(clips)]
    assigned = clip(tracks, {"0/00": "0/00", "1/01": "0/00"}, params_of(folds), seed)
    expected = [(track.track_id, number) for track in tracks for number in range(track.clips)]
    assert [(row.track_id, row.clip) for row in assigned] == expected
    assert {(row.artist, row.replica) for row in assigned} == {("", "")}
    for counts in sizes(assigned, folds).values():
        assert max(counts) - min(counts) <= 1


def test_clips_of_a_track_do_not_stay_together() -> None:
    assigned = clip(tracks_of([5, 5], clips=10), {}, params_of(2), 0)
    assert {
        len(folds_of(row for row in assigned if row.track_id == t.track_id)) for t in assigned
    } == {2}
