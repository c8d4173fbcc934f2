"""The table of predictions: its order, its votes and means, and its form as a file."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.evaluation.predictions import (
    VOTERS,
    Predictions,
    by_level,
    majority,
    mean,
    mean_over_seeds,
    outcomes,
    parse_predictions,
    predictions_of,
    product,
    read_predictions,
    vote_by_track,
    voted_tracks,
    write_predictions,
)

# Tracks of one artist, and two others; three seeds test every clip.
CLIPS_OF = {"t1": 3, "t2": 1, "t3": 2, "t4": 2}
GROUP_OF = {"t1": "one", "t2": "one", "t3": "t3", "t4": "t4"}
KEYS = [(track, clip) for track, clips in CLIPS_OF.items() for clip in range(clips)]
ROWS = [(*key, seed) for key in KEYS for seed in range(3)]
CHANCES = np.random.default_rng(0).dirichlet([1, 1, 1], len(ROWS))


def three_seeds(order: list[int] | None = None) -> Predictions:
    """A table of `ROWS`, which come in any order."""
    order = list(range(len(ROWS))) if order is None else order
    rows = [ROWS[number] for number in order]
    return predictions_of(
        ["a", "b", "c"],
        np.array([track for track, _, _ in rows]),
        CHANCES[order],
        clips=np.array([clip for _, clip, _ in rows]),
        folds=np.array([seed for _, _, seed in rows]),
        groups=np.array([GROUP_OF[track] for track, _, _ in rows]),
        actual=np.array([int(track[1]) % 3 for track, _, _ in rows]),
    )


def chances_of(track: str, clip: int | None = None, seed: int | None = None) -> Array:
    """Probabilities of the rows of a track, and of its clip and a seed, if they are named."""
    wanted = (track, clip, seed)
    chosen = [all(w in (None, r) for w, r in zip(wanted, row, strict=True)) for row in ROWS]
    return CHANCES[chosen]


def assert_equal(ours: Predictions, theirs: Predictions) -> None:
    for name, column in vars(ours).items():
        np.testing.assert_array_equal(column, vars(theirs)[name], err_msg=name)


@given(st.permutations(range(len(ROWS))))
def test_rows_are_sorted_by_track_then_seed_then_clip(order: list[int]) -> None:
    table = three_seeds(order)
    assert table.clips is not None
    keys = list(zip(table.track_ids, table.folds, table.clips, strict=True))
    assert keys == sorted(keys)
    for (track, seed, clip), row in zip(keys, table.probabilities, strict=True):
        np.testing.assert_array_equal([row], chances_of(track, clip, seed))
    assert table.groups.tolist() == [GROUP_OF[track] for track in table.track_ids]
    np.testing.assert_array_equal(table.predicted, table.probabilities.argmax(axis=1))


SIXTY_FOURTHS = st.integers(0, 64).map(lambda n: n / 64)  # their sums are exact


def clips_of_a_track(probability: st.SearchStrategy[float]) -> st.SearchStrategy[Array]:
    return st.integers(2, 5).flatmap(
        lambda genres: st.lists(
            st.lists(probability, min_size=genres, max_size=genres), min_size=1, max_size=8
        ).map(np.array)
    )


@given(clips_of_a_track(SIXTY_FOURTHS))
def test_majority_is_the_slow_count(probabilities: Array) -> None:
    """The genre with the most votes; of several, the one of the highest mean probability."""
    votes = Counter(row.index(max(row)) for row in probabilities.tolist())
    tied = sorted(genre for genre, count in votes.items() if count == max(votes.values()))
    voted = majority(probabilities)
    assert voted.argmax() == max(tied, key=lambda genre: sum(probabilities[:, genre].tolist()))
    assert voted.sum() == pytest.approx(1)
    assert voted.shape == probabilities.shape[1:]


@given(clips_of_a_track(st.floats(0.01, 1)))
def test_mean_and_product_are_the_plain_ones(probabilities: Array) -> None:
    columns = probabilities.T.tolist()
    np.testing.assert_allclose(mean(probabilities), [fmean(column) for column in columns])
    plain = np.array([math.prod(column) for column in columns])
    np.testing.assert_allclose(product(probabilities), plain / plain.sum(), rtol=1e-9)


def test_product_of_many_clips_does_not_underflow() -> None:
    probabilities = np.tile([0.02, 0.0199, 0.01], (1000, 1))
    assert math.prod(probabilities[:, 0]) == 0.0
    voted = product(probabilities)
    ratio = (0.0199 / 0.02) ** 1000
    np.testing.assert_allclose(voted, [1 / (1 + ratio), ratio / (1 + ratio), 0], atol=1e-9)


def test_product_survives_a_probability_of_zero() -> None:
    voted = product(np.array([[0.0, 1.0], [0.9, 0.1]], np.float32))
    assert voted.argmax() == 1
    assert voted.sum() == pytest.approx(1)


@pytest.mark.parametrize("vote", VOTERS)
def test_a_track_has_one_vote_for_each_seed(vote: str) -> None:
    clips = three_seeds()
    levels = by_level(clips)
    assert list(levels) == ["clip", *VOTERS]
    assert levels["clip"] is clips
    voted = levels[vote]
    assert voted.clips is None
    assert voted.track_ids.tolist() == [track for track in CLIPS_OF for _ in range(3)]
    assert voted.folds.tolist() == [0, 1, 2] * 4
    assert voted.groups.tolist() == [GROUP_OF[track] for track in voted.track_ids]
    assert voted.actual.tolist() == [1] * 3 + [2] * 3 + [0] * 3 + [1] * 3
    for track, seed, row in zip(voted.track_ids, voted.folds, voted.probabilities, strict=True):
        np.testing.assert_allclose(row, VOTERS[vote](chances_of(track, None, seed)))
    np.testing.assert_array_equal(voted.predicted, voted.probabilities.argmax(axis=1))
    tracks = voted_tracks(levels, vote)
    np.testing.assert_array_equal(tracks.probabilities, levels["mean"].probabilities)
    np.testing.assert_array_equal(tracks.predicted, voted.predicted)


def test_the_mean_over_seeds_is_that_of_each_clip_in_their_order() -> None:
    means = mean_over_seeds(three_seeds())
    assert means.clips is not None
    assert list(zip(means.track_ids, means.clips, strict=True)) == KEYS
    for key, row in zip(KEYS, means.probabilities, strict=True):
        np.testing.assert_allclose(row, chances_of(*key).mean(axis=0))
    np.testing.assert_array_equal(means.predicted, means.probabilities.argmax(axis=1))


def test_with_one_seed_the_mean_leaves_a_vote_as_it_is() -> None:
    """Also where other tracks have several."""
    tracks = three_seeds()
    tracks = replace(vote_by_track(tracks, "mean"), predicted=np.arange(12) % 3)
    means = mean_over_seeds(
        tracks.take(np.flatnonzero((tracks.track_ids == "t1") | (tracks.folds == 1)))
    )
    assert means.predicted[0] == means.probabilities[0].argmax()
    assert means.predicted[1:].tolist() == tracks.predicted[tracks.folds == 1][1:].tolist()


def test_outcomes_are_shares_of_right_votes_and_genres_of_the_highest_mean() -> None:
    """Votes say b twice of three, the mean probability says a; one track has a single seed."""
    tracks = predictions_of(
        ["a", "b"],
        np.array(["t2", "t1", "t1", "t1"]),
        np.array([[0.9, 0.1], [0.45, 0.55], [0.9, 0.1], [0.45, 0.55]]),
        folds=np.array([1, 2, 1, 0]),
        groups=np.array(["two", "one", "one", "one"]),
        actual=np.array([1, 0, 0, 0]),
        predicted=np.array([1, 1, 0, 1]),
    )
    found = outcomes(tracks)
    assert found.track_ids.tolist() == ["t1", "t2"]
    assert found.groups.tolist() == ["one", "two"]
    assert found.actual.tolist() == found.predicted.tolist() == [0, 1]
    assert found.correct.tolist() == [pytest.approx(1 / 3), 1]
    assert found.right.tolist() == [True, True]
    assert found.seeds == 3


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
GENRES = st.lists(NAMES, min_size=1, max_size=4, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> Predictions:
    """Tables of clips or tracks, labelled or not, with names of any characters in any order."""
    genres = draw(GENRES)
    count = draw(st.integers(0, 8))

    def column(values: st.SearchStrategy[Any], dtype: type) -> Array:
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype)

    index = st.integers(0, len(genres) - 1)
    labelled = draw(st.booleans())
    ten_thousandths = st.lists(st.integers(0, 10_000), min_size=len(genres), max_size=len(genres))
    return predictions_of(
        genres,
        column(NAMES, str),
        column(ten_thousandths, float).reshape(count, len(genres)) / 10_000,
        clips=column(st.integers(0, 12), int) if draw(st.booleans()) else None,
        folds=column(st.integers(0, 12), int) if labelled else None,
        groups=column(NAMES, str),
        actual=column(index, int) if labelled else None,
        predicted=column(index, int),
    )


@given(tables())
def test_a_table_reads_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: Predictions
) -> None:
    path = tmp_path_factory.getbasetemp() / "predictions.csv"
    write_predictions(path, table)
    assert_equal(read_predictions(path), table)


def test_the_file_is_a_plain_table(tmp_path: Path) -> None:
    table = predictions_of(
        ["a", 'b,\n"c"'],
        np.array(["t1", "t1"]),
        np.array([[1 / 3, 2 / 3], [0.99999, 0.00001]], np.float32),
        clips=np.array([1, 0]),
        folds=np.array([10, 10]),
        actual=np.array([0, 0]),
    )
    write_predictions(tmp_path / "clips.csv", table)
    assert (tmp_path / "clips.csv").read_bytes() == (
        b'track_id,clip,fold,group,actual,predicted,p_a,"p_b,\n""c"""\n'
        b"t1,0,10,t1,a,a,1.0000,0.0000\n"
        b't1,1,10,t1,a,"b,\n""c""",0.3333,0.6667\n'
    )
    unlabelled = predictions_of(["a"], np.array(["t1"]), np.array([[0.5]]))
    write_predictions(tmp_path / "tracks.csv", unlabelled)
    assert (tmp_path / "tracks.csv").read_text() == (
        "track_id,fold,group,actual,predicted,p_a\nt1,,t1,,a,0.5000\n"
    )


def test_columns_may_come_in_any_order_and_with_others_beside_them() -> None:
    content = b"p_b,note,predicted,actual,group,fold,track_id,p_a\n0.25,x,b,a,g,7,t1,0.75\n\n"
    table = parse_predictions(content, "the table")
    assert (table.genres, table.track_ids.tolist()) == (["b", "a"], ["t1"])
    assert table.probabilities.tolist() == [[0.25, 0.75]]
    assert (table.predicted.tolist(), table.actual.tolist()) == ([0], [1])


def test_a_table_of_very_many_genres_takes_no_more_than_its_cells() -> None:
    genres = [f"g{number}" for number in range(10_000)]
    table = predictions_of(genres, np.array(["t1"]), np.full((1, 10_000), 0.0001))
    head = "track_id,fold,group,actual,predicted," + ",".join(f"p_{genre}" for genre in genres)
    rows = [f"t1,,t1,,g0,{','.join(['0.0001'] * 10_000)}"]
    assert_equal(parse_predictions("\n".join([head, *rows]).encode(), "the table"), table)
    short = "\n".join([head, *["t2,,t2,,g0"] * 10_000]).encode()
    with pytest.raises(PipelineError, match=r"^the table, line 2 is damaged"):
        parse_predictions(short, "the table")


COLUMNS = "track_id,clip,fold,group,actual,predicted,p_a,p_b"
ROW = "t1,0,3,g,a,b,0.4000,0.6000"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", ": .*can't decode"),
        (b"", ": no column 'p_<genre>'"),
        (f"{COLUMNS.replace('group,', '')}\n{ROW}\n".encode(), ": no column 'group'"),
        *(
            (f"{COLUMNS}\n{ROW}\n{row}\n{ROW}\n".encode(), ", line 3 is damaged")
            for row in (
                ROW.replace("t1,0", "t1,-1"),
                ROW.replace(",3,", ",three,"),
                ROW.replace(",a,", ",c,"),
                ROW.replace(",b,", ",,"),
                ROW.replace("0.6000", ""),
                ROW.replace("0.6000", "nan"),
                ROW.removesuffix(",0.6000"),
                f"{ROW},0.1",
            )
        ),
        (f'{COLUMNS}\n{ROW}\n"t1,{ROW}\n'.encode(), ", line 3 is damaged"),
        (f"{COLUMNS}\n{ROW}\n".encode() + b"\xff", ": .*can't decode|, line . is damaged"),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(PipelineError, match=f"^the table({message}).*; do this$") as caught:
        parse_predictions(content, "the table", "do this")
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"clips\.csv is missing; run `dvc repro`$"):
        read_predictions(tmp_path / "clips.csv")
