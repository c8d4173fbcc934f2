"""What an evaluation found, in five lines."""

from typing import Any

import numpy as np
import pytest

from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.summary import headline

GENRES = ["blues", "metal", "pop", "rock"]  # nothing of pop is tested
ACTUAL = [0, 0, 0, 0, 1, 1, 1, 1, 3, 3]
PREDICTED = [0, 0, 0, 1, 3, 3, 0, 1, 3, 3]
SPLIT = {"protocol": "song", "judged": "all", "folds": 10, "tracks": 10}
SUMMARY = {
    "track_accuracy": 0.6,
    "track_accuracy_low": 0.25,
    "track_accuracy_high": 0.8751,
    "tracks": 10,
}


def predictions(predicted: list[int]) -> Predictions:
    ids = np.array([f"t{number}" for number in range(len(predicted))])
    return Predictions(ids, np.array(ACTUAL), np.zeros(10, int), ids, np.eye(4)[predicted])


def lines(
    predicted: list[int] = PREDICTED,
    summary: dict[str, Any] = SUMMARY,
    genres: list[str] = GENRES,
    **split: Any,
) -> list[str]:
    found = headline(summary, predictions(predicted), genres, {**SPLIT, **split}, "cnn on mel")
    return found.split("\n")


def test_five_lines_by_hand() -> None:
    assert lines()[:4] == [
        "accuracy of tracks: 60.0 % (95 % interval: 25.0 to 87.5)",
        "of 10 tracks, split by song (10 folds); cnn on mel",
        "best genre: rock, 2 of 2 right; worst: metal, 1 of 4 right",
        "most confused: metal taken for rock (2), blues taken for metal (1), "
        "metal taken for blues (1)",
    ]
    assert len(lines()) == 5
    for command in ("python -m pipeline.compare HEAD", "dvc plots show"):
        assert f"`{command}`" in lines()[4]


def test_nothing_confused_is_said() -> None:
    assert lines(ACTUAL)[3] == "most confused: nothing"


def test_seeds_and_the_part_that_is_tested_are_named() -> None:
    found = lines(protocol="filtered", judged="test", folds=3, tracks=900)
    assert found[1] == "of 10 tracks, split by filtered (3 seeds, test part); cnn on mel"


def test_a_leak_is_not_called_an_accuracy_of_tracks() -> None:
    leaky = {f"leaky_clip_accuracy{end}": 0.9 for end in ("", "_low", "_high")}
    first, second, *_ = lines(summary={**leaky, "leaky_clips": 20}, protocol="clip")
    assert first.startswith("leaky accuracy of clips: 90.0 %")
    assert first.endswith("says nothing about new music")
    assert second == "of 10 tracks, split by clip (10 folds); cnn on mel"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J"])
def test_names_of_genres_do_not_reach_the_terminal_as_they_are(name: str) -> None:
    found = lines(genres=[name, name, name, name])
    assert len(found) == 5
    assert "\x1b" not in "".join(found)
