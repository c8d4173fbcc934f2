"""What is said of tags: the strongest ones, by their mean over a track."""

import numpy as np

from pipeline.features.shared.feature import strongest_tags


def test_the_strongest_come_first() -> None:
    probabilities = np.array([[0.9, 0.2, 0.0, 0.5], [0.1, 0.4, 0.1, 0.7]], np.float32)
    found = strongest_tags(("jazz", "rock", "sad", "80s"), probabilities)
    assert found == ["80s 60 %", "jazz 50 %", "rock 30 %"]


def test_a_feature_without_tags_has_none() -> None:
    assert strongest_tags((), np.empty((4, 0), np.float32)) == []
