"""Protocols: folds that are drawn, and folds and splits that the dataset prescribes."""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import folded
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.base.errors import FoldError
from pipeline.dataset.tracks import Track, read_facts
from pipeline.folds.assignment import assign_folds, require_folds
from pipeline.folds.groups import groups
from pipeline.folds.protocols import PROTOCOLS, artist, by_fold_or_split, by_split, clip, song
from pipeline.folds.table import FoldedTrack, ProtocolName, SplitParams, folds_of, sides

SEEDS = st.integers(0, 2**32 - 1)


def params_of(folds: int = 2, judge: Any = "test", seeds: int = 3) -> SplitParams:
    return SplitParams(
        protocol="song", folds=folds, judge=judge, seeds=seeds, least_tracks=0, group="artist"
    )


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
    tied = [
        folded(
            track.track_id,
            track.genre,
            artist=track.artist if protocol == "artist" else "",
            replica=replicas.get(track.track_id, ""),
        )
        for track in tracks
    ]
    try:
        assigned = PROTOCOLS[protocol](tracks, replicas, params_of(folds), seed)
    except FoldError:
        few = min(Counter(track.genre for track in tracks).values()) < folds
        assert (few and protocol == "song") or len(set(groups(tied))) < folds
        return
    assert [replace(row, tested_in=()) for row in assigned] == tied
    assert folds_of(assigned) == list(range(folds))
    assert {len(row.tested_in) for row in assigned} == {1}
    for ties in (
        {(row.replica, row.tested_in) for row in assigned if row.replica},
        {(row.artist, row.tested_in) for row in assigned if row.artist},
    ):
        assert len(dict(ties)) == len(ties)


@settings(max_examples=30)
@given(SEEDS, st.data())
def test_folds_depend_on_tracks_and_seed_alone(seed: int, data: st.DataObject) -> None:
    tracks = [track_of(f"{n % 3}/{n}", artist=f"artist {n // 4}") for n in range(30)]
    mixed = data.draw(st.permutations(tracks))
    for name in ("song", "artist", "clip"):
        first, second, *others = (
            frozenset(PROTOCOLS[name](order, {}, params_of(3), seed + more))
            for order, more in ((mixed, 0), *((tracks, more) for more in range(10)))
        )
        assert first == second
        assert {first} != set(others)  # eight artists are dealt alike by two seeds now and then


@pytest.mark.parametrize(("protocol", "what"), [("song", "usable tracks"), ("clip", "clips")])
def test_the_smallest_genre_is_named_if_it_has_fewer_tracks_than_folds(
    protocol: ProtocolName, what: str
) -> None:
    expected = rf"^genre 'genre 1' has 2 {what}, fewer than split\.folds = 4$"
    with pytest.raises(FoldError, match=expected):
        PROTOCOLS[protocol](tracks_of([3, 2, 4]), {}, params_of(4), 0)
    assigned = PROTOCOLS[protocol](tracks_of([4, 4]), {}, params_of(4), 0)
    assert set(map(tuple, sizes(assigned, 4).values())) == {(1, 1, 1, 1)}


@settings(max_examples=100)
@given(
    counts=st.lists(st.integers(1, 5), min_size=2, max_size=3),
    by_artist=st.integers(1, 4),
    copies=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3),
    folds=st.integers(2, 12),
    protocol=st.sampled_from(["song", "artist", "clip"]),
    seed=SEEDS,
)
def test_the_number_of_folds_that_an_error_advises_is_accepted(
    counts: list[int],
    by_artist: int,
    copies: list[tuple[int, int]],
    folds: int,
    protocol: ProtocolName,
    seed: int,
) -> None:
    """By what refused: the check before copies are known, or the assignment that knows them."""
    tracks = [
        replace(track, artist=f"artist {number // by_artist}")
        for number, track in enumerate(tracks_of(counts))
    ]
    names = [track.track_id for track in tracks]
    pairs = [(names[a % len(names)], names[b % len(names)]) for a, b in copies]
    params = replace(params_of(folds), protocol=protocol)
    for accept in (require_folds, lambda tracks, *more: assign_folds(tracks, pairs, *more)):
        text = ""
        try:
            accept(tracks, params, seed)
        except FoldError as error:
            text = str(error)
        advised = re.search(r"set split\.folds to (\d+)", text)
        least = re.search(r"at least (\d+) recordings", text)
        added = tracks_of([int(least[1])] * len(counts)) if least else []
        known = set() if copies else set(names)  # of copies, one counts
        added = [track for track in added if track.track_id not in known]
        more = [*tracks, *(replace(track, track_id=f"{track.track_id} new") for track in added)]
        if advised:
            accept(more, replace(params, folds=int(advised[1])), seed)
        else:
            assert not text or text.endswith("works; add tracks by other artists")


def test_fewer_artists_or_recordings_than_folds_are_counted() -> None:
    tracks = [*tracks_of([5, 5], artist="one"), track_of("genre 0/x")]
    tracks.append(track_of("genre 1/y", artist="two"))
    expected = r"^split\.folds = 4: is more than the number of artists or recordings, 3$"
    with pytest.raises(FoldError, match=expected):
        artist(tracks, {}, params_of(4), 0)
    assert folds_of(artist(tracks, {}, params_of(3), 0)) == [0, 1, 2]
    with pytest.raises(FoldError, match=r"is more than the number of artists or recordings, 1$"):
        song(tracks, {track.track_id: tracks[0].track_id for track in tracks}, params_of(2), 0)


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


def deviation(fold_of: list[int], genres: list[str], folds: int) -> float:
    counts = Counter(zip(fold_of, genres, strict=True))
    return float(
        np.mean([np.std([counts[fold, g] for fold in range(folds)]) for g in sorted(set(genres))])
    )


@pytest.mark.parametrize("folds", [5, 10])
def test_artists_are_assigned_as_evenly_as_by_scikit_learn(folds: int) -> None:
    tracks = [track_of(name, artist=fact.artist) for name, fact in read_facts().items()]
    assigned = artist(tracks, {}, params_of(folds), 0)
    assert sum(counts.count(0) for counts in sizes(assigned, folds).values()) <= 2
    genres, names = [track.genre for track in tracks], groups(assigned)
    theirs = np.empty(len(genres), int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(splitter.split(genres, genres, names)):
        theirs[test] = fold
    ours = deviation([fold for track in assigned for fold in track.tested_in], genres, folds)
    assert ours < 1.05 * deviation(theirs.tolist(), genres, folds)


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
    assigned = PROTOCOLS[protocol](SPLIT, replicas, params_of(judge=judge, seeds=4), 0)
    expected = {"a/0": (), "a/1": (), "b/2": (), tested: (0, 1, 2, 3)}
    assert {track.track_id: track.tested_in for track in assigned} == expected
    assert assigned[0].replica == "a/0"


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
    ("tracks", "expected"),
    [
        (
            [t for t in SPLIT if t.split != "train"],
            "no labelled track is in the part 'train' of the",
        ),
        (
            [t for t in SPLIT if t.split != "test"],
            r"split\.judge = 'test': no labelled track is in that part of the split$",
        ),
        ([*SPLIT, track_of("a/9", split="Train")], "the split of a/9 = 'Train': should be train,"),
        (
            [track_of("a/0", fold="3"), track_of("b/0", fold="3")],
            r"every fold in metadata\.csv is '3'; at least two are",
        ),
        (
            [track_of("a/0"), track_of("b/0")],
            r".* 'given' needs a column fold or split in metadata\.csv",
        ),
    ],
)
def test_what_prescribes_no_folds_is_an_error(tracks: list[Track], expected: str) -> None:
    with pytest.raises(FoldError, match=f"^{expected}"):
        by_fold_or_split(tracks, {}, params_of(), 0)


def test_folds_are_numbered_in_sorted_order_and_tracks_without_one_are_left_out() -> None:
    names = ["10", "9", "x", "", "9", "009", "1" + 5000 * "0"]
    tracks = [track_of(f"a/{n}", fold=name, split="test") for n, name in enumerate(names)]
    assigned = by_fold_or_split(tracks, {"a/0": "a/0"}, params_of(), 0)
    assert {track.track_id: track.tested_in for track in assigned} == {
        "a/0": (2,),
        "a/1": (1,),
        "a/2": (4,),
        "a/4": (1,),
        "a/5": (0,),
        "a/6": (3,),
    }
    assert [track.replica for track in assigned] == ["a/0", *5 * [""]]


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
