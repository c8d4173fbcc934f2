"""Predictions for tracks, by the votes of their clips."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import labelled_clips, labelled_tracks, write_project
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.files import FEATURE_STORES
from pipeline.evaluation.predictions import VOTERS, Predictions, by_level, vote_by_track
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.prediction.ensemble import clip_predictions

# Two tracks in each of two folds, and an artist with two tracks.
CLIPS = Predictions(
    track_ids=np.array(["t1", "t1", "t2", "t2", "t3", "t4"]),
    actual=np.array([0, 0, 1, 1, 0, 1]),
    folds=np.array([0, 0, 0, 0, 1, 1]),
    groups=np.array(["one", "one", "one", "one", "t3", "t4"]),
    probabilities=np.random.default_rng(0).dirichlet([1, 1, 1], 6),
)


def reordered(clips: Predictions, order: list[int]) -> Predictions:
    columns = (clips.track_ids, clips.actual, clips.folds, clips.groups, clips.probabilities)
    return Predictions(*(column[order] for column in columns))


def three_seeds() -> tuple[list[Predictions], Predictions]:
    """Predictions of three seeds for the same clips, separately and pooled."""
    rng = np.random.default_rng(0)
    seeds = [
        replace(CLIPS, folds=np.full(6, s), probabilities=rng.random((6, 3))) for s in range(3)
    ]
    columns = ("track_ids", "actual", "folds", "groups", "probabilities")
    return seeds, Predictions(
        *(np.concatenate([getattr(s, name) for s in seeds]) for name in columns)
    )


@given(st.permutations(range(6)), st.sampled_from(sorted(VOTERS)))
def test_clips_are_grouped_by_track_in_any_order(order: list[int], vote: str) -> None:
    voted = vote_by_track(reordered(CLIPS, order), vote)
    assert voted.track_ids.tolist() == ["t1", "t2", "t3", "t4"]
    assert voted.actual.tolist() == [0, 1, 0, 1]
    assert voted.folds.tolist() == [0, 0, 1, 1]
    assert voted.groups.tolist() == ["one", "one", "t3", "t4"]
    for track, row in zip(voted.track_ids, voted.probabilities, strict=True):
        of_track = CLIPS.probabilities[CLIPS.track_ids == track]
        np.testing.assert_allclose(row, VOTERS[vote](of_track))


@given(st.permutations(range(18)), st.sampled_from(sorted(VOTERS)))
def test_a_track_has_one_row_for_each_seed(order: list[int], vote: str) -> None:
    seeds, pooled = three_seeds()
    voted = vote_by_track(reordered(pooled, order), vote)
    assert voted.track_ids.tolist() == [name for name in ("t1", "t2", "t3", "t4") for _ in seeds]
    assert voted.folds.tolist() == [0, 1, 2] * 4
    for number, seed in enumerate(seeds):
        alone = vote_by_track(seed, vote)
        part = voted.folds == number
        assert voted.actual[part].tolist() == alone.actual.tolist()
        np.testing.assert_allclose(voted.probabilities[part], alone.probabilities)


def test_levels_are_the_clips_and_every_vote() -> None:
    levels = by_level(CLIPS)
    assert list(levels) == ["clip", *VOTERS]
    assert levels["clip"] is CLIPS
    assert all(len(levels[vote].actual) == 4 for vote in VOTERS)


def test_correct_rows_are_those_whose_highest_probability_is_right() -> None:
    predicted = replace(CLIPS, probabilities=np.eye(3)[[0, 1, 1, 2, 0, 0]])
    assert predicted.correct.tolist() == [True, False, True, False, True, False]


@pytest.fixture
def clips(tmp_path: Path) -> LabelledClips:
    write_project(tmp_path)
    return labelled_clips(tmp_path)


def test_clip_predictions_say_what_is_known_about_each_clip(clips: LabelledClips) -> None:
    rows, folds = np.array([5, 0, 23]), np.array([1, 0, 1])
    found = clip_predictions(clips, rows, folds, np.eye(3, 2))
    tracks = [clips.tracks[clips.owners[row]] for row in rows]
    assert found.track_ids.tolist() == [track.track_id for track in tracks]
    assert [clips.genres[label] for label in found.actual] == [track.genre for track in tracks]
    assert found.folds.tolist() == [1, 0, 1]
    assert found.groups.tolist() == found.track_ids.tolist()  # no artist and no replica
    np.testing.assert_array_equal(found.probabilities, np.eye(3, 2))


def test_groups_are_those_of_the_tracks_even_where_folds_separate_their_clips(
    clips: LabelledClips, tmp_path: Path
) -> None:
    artists = [replace(track, artist="X") for track in labelled_tracks()]
    by_clip = [
        replace(track, clip=clip, tested_in=(clip,))
        for track in labelled_tracks()
        for clip in (0, 1)
    ]
    rows, folds = np.arange(24), np.tile([0, 1], 12)
    folder = tmp_path / FEATURE_STORES / "centroid"
    for tracks, expected in ((artists, ["X"] * 24), (by_clip, clips.track_ids.tolist())):
        found = clip_predictions(load_labelled(folder, tracks), rows, folds, np.ones((24, 2)))
        assert found.groups.tolist() == expected
