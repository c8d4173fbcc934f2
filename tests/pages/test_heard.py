"""Tracks as pages show them, from the tables of predictions."""

import numpy as np
import pytest
from outcomes import clip_rows, track_row

from pipeline.base.errors import PipelineError
from pipeline.pages.figures import read_probabilities
from pipeline.pages.listening import Heard, Media, as_data, hear_tested, hear_unlabelled

GENRES = ["blues", "jazz", "rock"]
SURE, UNSURE = [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]


def heard_of(track_id: str, actual: str, chances: list[list[float]]) -> Heard:
    clips = clip_rows(track_id, actual, GENRES, chances)
    [heard] = hear_tested([track_row(clips)], clips, by_clip=False)
    return heard


def test_a_track_has_its_votes_and_probabilities_in_time() -> None:
    heard = heard_of("blues/a", "blues", [SURE, UNSURE, SURE])
    assert (heard.track_id, heard.actual, heard.folds) == ("blues/a", "blues", [0])
    assert heard.votes == ["jazz", "blues", "jazz"]
    assert heard.predicted == ["jazz"]
    assert heard.wrong
    np.testing.assert_allclose(heard.probabilities, [SURE, UNSURE, SURE])


def test_clips_of_other_tracks_between_them_do_not_matter() -> None:
    one = clip_rows("a", "jazz", GENRES, [SURE, UNSURE])
    two = clip_rows("b", "blues", GENRES, [UNSURE, UNSURE])
    rows = [one[0], two[0], one[1], two[1]]
    first, second = hear_tested([track_row(one), track_row(two)], rows, by_clip=False)
    assert first.votes == ["jazz", "blues"]
    assert second.votes == ["blues", "blues"]


def test_seeds_are_averaged_and_each_predicts() -> None:
    """A track that three seeds test has as many rows, and its clips as many times over."""
    by_seed = [
        clip_rows("a", "jazz", GENRES, chances, fold=seed)
        for seed, chances in enumerate([[SURE, SURE], [UNSURE, UNSURE], [SURE, UNSURE]])
    ]
    tracks = [track_row(rows) for rows in by_seed]
    [heard] = hear_tested(tracks, [row for rows in by_seed for row in rows], by_clip=False)
    assert heard.predicted == [row["predicted"] for row in tracks]
    assert heard.folds == [0, 1, 2]
    assert len(heard.votes) == 6
    expected = np.mean([[SURE, SURE], [UNSURE, UNSURE], [SURE, UNSURE]], axis=0)
    np.testing.assert_allclose(heard.probabilities, expected)
    assert heard.wrong  # one seed says blues


def test_folds_by_clip_give_one_track_whose_clips_vote() -> None:
    rows = [
        *clip_rows("a", "jazz", GENRES, [SURE], fold=0, group="a"),
        *clip_rows("a", "jazz", GENRES, [UNSURE], fold=1, group="a"),
        *clip_rows("a", "jazz", GENRES, [SURE], fold=1, group="a"),
    ]
    [heard] = hear_tested(rows, rows, by_clip=True)
    assert heard.predicted == ["jazz"]
    assert heard.folds == [0, 1]
    assert heard.probabilities.shape == (3, 3)


def test_a_track_without_clips_is_named() -> None:
    rows = clip_rows("a", "jazz", GENRES, [SURE])
    with pytest.raises(PipelineError, match="no predictions of the clips of a"):
        hear_tested([track_row(rows)], [], by_clip=False)


def test_unlabelled_tracks_are_heard_by_their_mean_and_are_never_wrong() -> None:
    rows = clip_rows("unlabelled/x", "", GENRES, [SURE, UNSURE, UNSURE])
    [heard] = hear_unlabelled(rows)
    assert heard.votes == ["jazz", "blues", "blues"]
    assert heard.predicted == ["jazz"]  # its mean is higher
    assert not heard.wrong
    assert hear_unlabelled([]) == []


def test_what_is_surely_wrong_comes_first_and_what_is_surely_right_last() -> None:
    tracks = {
        "surely wrong": heard_of("surely wrong", "rock", [SURE]),
        "wrong": heard_of("wrong", "rock", [UNSURE]),
        "right": heard_of("right", "blues", [UNSURE]),
        "surely right": heard_of("surely right", "jazz", [SURE]),
    }
    ordered = sorted(tracks.values(), key=lambda heard: heard.worth(GENRES))
    assert [heard.track_id for heard in ordered] == list(tracks)


def test_data_has_genres_by_number_and_probabilities_in_permille() -> None:
    heard = heard_of("blues/a", "blues", [SURE, [0.1234, 0.0006, 0.876]])
    data = as_data(heard, GENRES, Media("a.ogg", "a.webp"))
    assert data["actual"] == 0
    assert data["votes"] == [1, 2]
    assert data["clips"] == [[100, 800, 100], [123, 1, 876]]
    assert (data["sound"], data["picture"]) == ("a.ogg", "a.webp")
    assert data["group"] == ""  # its own
    unlabelled = hear_unlabelled(clip_rows("x", "", GENRES, [SURE]))[0]
    assert as_data(unlabelled, GENRES, Media())["actual"] == -1


def test_genres_are_those_of_the_columns() -> None:
    genres, probabilities = read_probabilities(
        clip_rows("a", "x", ["hip hop", "p_p"], [[0.3, 0.7]])
    )
    assert genres == ["hip hop", "p_p"]
    np.testing.assert_allclose(probabilities, [[0.3, 0.7]])
