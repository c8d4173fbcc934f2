"""The tracks of a page, from the tables that `evaluate` and `predict` write."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import describe, labelled_clips, write_project
from outcomes import clips_of, write_outcome

from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIP_PREDICTIONS, PREDICTIONS
from pipeline.base.types import Array
from pipeline.evaluation.predictions import NONE, by_level, read_predictions, voted_tracks
from pipeline.pages import track_list
from pipeline.pages.track_list import ListedTrack, Media, unlabelled_track
from pipeline.prediction.ensemble import predict_out_of_fold

GENRES = ["blues", "jazz", "rock"]
SURE, UNSURE = [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]


def track_of(actual: str, *chances: list[float], name: str = "a") -> ListedTrack:
    clips = clips_of(GENRES, {name: chances}, {name: actual})
    [track] = track_list.labelled_tracks(voted_tracks(by_level(clips), "majority"), clips)
    return track


def model(seed: int) -> Callable[[Array], Array]:
    """A model whose answer depends on the row, and a little on the seed."""

    def predict(rows: Array) -> Array:
        high = rows.astype(float).sum(axis=1) / 50 % 0.9 + 0.02 * seed
        return np.column_stack([high, 1 - high])

    return predict


@pytest.mark.parametrize("seeds", [1, 3])
def test_clips_keep_their_order_in_time_whatever_the_number_of_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int
) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    labelled = labelled_clips(tmp_path)
    if seeds > 1:
        labelled = replace(labelled, tested=np.ones((seeds, len(labelled.labels)), bool))
    folds = range(len(labelled.tested))
    models = [(model(fold), describe(fold, store=labelled.description)) for fold in folds]
    write_outcome(predict_out_of_fold(labelled, models))
    tables = map(read_predictions, (PREDICTIONS, CLIP_PREDICTIONS))
    tracks = list(track_list.labelled_tracks(*tables))
    assert [track.track_id for track in tracks] == sorted({*labelled.track_ids})
    for track in tracks:
        own = np.flatnonzero(labelled.track_ids == track.track_id)
        rows = np.asarray(labelled.rows[own[np.argsort(labelled.clip_numbers[own])]])
        by_seed = [model(seed)(rows) for seed in (range(seeds) if seeds > 1 else track.folds)]
        np.testing.assert_allclose(track.probabilities, np.mean(by_seed, axis=0), atol=1e-4)
        assert len(track.predicted) == seeds
        assert len(track.votes) == seeds * len(rows)
        assert abs(track.probabilities[0, 0] - track.probabilities[1, 0]) > 0.001


def test_a_track_has_its_votes_and_is_wrong_if_they_or_those_of_a_seed_are() -> None:
    track = track_of("blues", SURE, UNSURE, SURE)
    assert (track.track_id, track.actual, track.folds) == ("a", 0, [0])
    assert track.votes == [1, 0, 1]
    assert track.predicted == [1]
    assert track.wrong
    np.testing.assert_allclose(track.probabilities, [SURE, UNSURE, SURE])
    right = track_of("jazz", SURE)
    assert not right.wrong
    assert replace(right, predicted=[1, 0, 1]).wrong  # by one of three seeds


def test_a_track_without_clips_is_named() -> None:
    clips = clips_of(GENRES, {"a": [SURE], "b": [SURE]}, {"a": "jazz", "b": "jazz"})
    tracks = voted_tracks(by_level(clips), "majority")
    with pytest.raises(PipelineError, match="no predictions of the clips of b"):
        list(track_list.labelled_tracks(tracks, clips.take(clips.track_ids == "a")))


def test_unlabelled_tracks_have_the_genre_of_the_highest_mean_and_are_never_wrong() -> None:
    clips = clips_of(GENRES, {"unlabelled/x": [SURE, UNSURE, UNSURE]})
    [track] = track_list.unlabelled_tracks(clips)
    assert track.votes == [1, 0, 0]
    assert track.predicted == [1]
    assert track.actual == NONE
    assert not track.wrong
    assert list(track_list.unlabelled_tracks(clips.take(np.arange(0)))) == []


@pytest.mark.parametrize("most", [4, 2])
def test_the_most_surely_wrong_track_comes_first_and_the_most_surely_right_last(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_list, "MOST_LISTED", most)
    tracks = [
        track_of("jazz", SURE, name="surely right"),
        track_of("rock", UNSURE, name="wrong"),
        track_of("blues", UNSURE, name="right"),
        track_of("rock", SURE, name="surely wrong"),
    ]
    names = [track.track_id for track in track_list.first_listed(tracks)]
    assert names == ["surely wrong", "wrong", "right", "surely right"][:most]


def test_data_has_probabilities_in_permille() -> None:
    data = track_of("blues", SURE, [0.1234, 0.0006, 0.876]).as_data(Media("a.ogg", "a.webp"))
    assert data["actual"] == 0
    assert data["votes"] == [1, 2]
    assert data["clips"] == [[100, 800, 100], [123, 1, 876]]
    assert (data["sound"], data["picture"]) == ("a.ogg", "a.webp")
    assert data["group"] == ""  # its own
    assert unlabelled_track("x", np.array([SURE])).as_data(Media())["actual"] == -1


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("all", "wrong rock right x y"),
        ("wrong", "wrong x"),
        (1, "wrong x"),
        (0, ""),
        (9, "wrong rock right x y"),
    ],
)
def test_tracks_with_sound_are_those_that_were_asked_for(
    choice: str | int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_list, "MOST_WRONG", 1)
    monkeypatch.setattr(track_list, "MOST_UNLABELLED", 1)
    labelled = [
        *(track_of("rock", SURE, name=name) for name in ("wrong", "rock")),
        track_of("jazz", SURE, name="right"),
    ]
    unlabelled = [unlabelled_track(name, np.array([SURE])) for name in ("x", "y")]
    assert track_list.tracks_with_media(labelled, unlabelled, choice) == expected.split()
