"""What every entry of a registry must keep to; a new entry is tested without writing a test."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models import MODELS
from models.startup import keras
from pipeline.features import FEATURES
from pipeline.params import MODEL_PARAMS, VOTES, load_params
from pipeline.scores import VOTERS

PARAMS = load_params()
SAMPLE_RATE = PARAMS.segment.sample_rate
N_CLASSES = 4

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


def test_every_model_has_parameters_and_the_other_way_round() -> None:
    assert set(MODELS) == set(MODEL_PARAMS) == set(PARAMS.models)


@pytest.mark.parametrize("name", MODELS)
def test_model_maps_pictures_to_probabilities(name: str) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 16, 24, 3)).astype(np.float32)
    model = MODELS[name](rows.shape[1:], N_CLASSES, PARAMS.models[name])
    probabilities = keras.ops.convert_to_numpy(model(rows))
    assert probabilities.shape == (5, N_CLASSES)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_model_comes_back_from_its_configuration(name: str) -> None:
    model = MODELS[name]((16, 16, 1), N_CLASSES, PARAMS.models[name])
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    rows = np.ones((2, 16, 16, 1), np.float32)
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(rows)) for m in (model, again)))


def test_every_vote_has_a_rule_and_the_other_way_round() -> None:
    assert set(VOTERS) == set(VOTES)


@pytest.mark.parametrize("name", VOTERS)
def test_vote_of_agreeing_clips_is_theirs_and_sums_to_one(name: str) -> None:
    chances = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
    scores = VOTERS[name](chances)
    assert scores.argmax() == 1
    assert scores.sum() == pytest.approx(1)
