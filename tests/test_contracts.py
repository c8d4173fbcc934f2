"""What every entry of a registry must keep to; a new entry is tested without writing a test."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.features.shared.recipe import ExtractFeature
from pipeline.features.registry import FEATURES
from pipeline.evaluation.params import VOTES
from pipeline.check import load_params
from pipeline.evaluation.votes import VOTERS

PARAMS = load_params()
SAMPLE_RATE = PARAMS.segment.sample_rate


Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def clips() -> Array:
    """Three clips of a second: noise, a sine, half silence."""
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE)
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    half = np.where(np.arange(SAMPLE_RATE) < SAMPLE_RATE // 2, noise, 0.0)
    return np.stack([noise, sine, half]).astype(np.float32)


@pytest.mark.parametrize("name", FEATURES)
def test_feature_gives_a_row_a_clip_of_a_small_dtype(name: str, clips: Array) -> None:
    rows = PARAMS.extract[name](clips, SAMPLE_RATE)
    assert len(rows) == len(clips)
    assert rows.dtype in (np.float16, np.uint8)
    assert np.isfinite(rows.astype(np.float32)).all()


@pytest.mark.parametrize("name", FEATURES)
def test_feature_of_a_clip_does_not_depend_on_its_neighbours(name: str, clips: Array) -> None:
    feature = PARAMS.extract[name]
    alone = np.concatenate([feature(clips[i : i + 1], SAMPLE_RATE) for i in range(len(clips))])
    np.testing.assert_array_equal(feature(clips, SAMPLE_RATE), alone)


@pytest.mark.parametrize("name", FEATURES)
def test_feature_leaves_its_input_alone_and_tells_clips_apart(name: str, clips: Array) -> None:
    before = clips.copy()
    rows = PARAMS.extract[name](clips, SAMPLE_RATE)
    np.testing.assert_array_equal(clips, before)
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("name", FEATURES)
def test_feature_says_what_it_is(name: str) -> None:
    assert FEATURES[name].__doc__
    assert PARAMS.extract[name].unit


def test_every_vote_has_a_rule_and_the_other_way_round() -> None:
    assert set(VOTERS) == set(VOTES)


@pytest.mark.parametrize("name", VOTERS)
def test_vote_of_agreeing_clips_is_theirs_and_sums_to_one(name: str) -> None:
    chances = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
    scores = VOTERS[name](chances)
    assert scores.argmax() == 1
    assert scores.sum() == pytest.approx(1)
