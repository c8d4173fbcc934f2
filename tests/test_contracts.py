"""What every entry of a registry must keep to; a new entry is tested without writing a test."""

import json
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.training.networks import MODELS
from pipeline.training.startup import keras
from pipeline.augmentation.registry import AUGMENTATIONS
from pipeline.augmentation.chains import chain_of
from pipeline.features.shared.recipe import ExtractFeature
from pipeline.features.registry import FEATURES
from pipeline.features.shared.feature import Feature
from pipeline.augmentation.base import DECIBELS, SOUND, ActsOn, Needs, State
from pipeline.augmentation.target import Target
from pipeline.training.networks import MODEL_PARAMS
from pipeline.check import load_params
from pipeline.audio.pcm import from_pcm, to_pcm

PARAMS = load_params()
SAMPLE_RATE = PARAMS.segment.sample_rate
N_CLASSES = 4
RANGES = PARAMS.augment.ranges


def target_of(feature: Feature) -> Target:
    template = ExtractFeature(feature, SAMPLE_RATE).template(SAMPLE_RATE)
    return Target(feature, SAMPLE_RATE, template.shape[1:], template.dtype.name)


MEDIA = {name: target_of(feature) for name, feature in PARAMS.extract.items()}
PAIRS = [(kind, feature) for kind in AUGMENTATIONS for feature in MEDIA]
USEFUL = [pair for pair in PAIRS if not MEDIA[pair[1]].reason_against(chain_of(pair[0], RANGES))]

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def clips() -> Array:
    """Three clips of a second: noise, a sine, half silence."""
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE)
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    half = np.where(np.arange(SAMPLE_RATE) < SAMPLE_RATE // 2, noise, 0.0)
    return np.stack([noise, sine, half]).astype(np.float32)


def drawn(name: str, seed: int) -> State:
    return RANGES[name].draw(np.random.default_rng(seed))


def inputs_of(name: str, clips: Array) -> list[Array]:
    """What a kind acts on, made of the clips: sound, or a spectrogram in dB, or in colours too."""
    acts_on = AUGMENTATIONS[name].acts_on
    if acts_on == SOUND:
        return list(clips)
    features = ["mel"] if acts_on == DECIBELS else ["mel", "colour"]
    rows = [row for each in features for row in PARAMS.extract[each](clips, SAMPLE_RATE)]
    return [row.astype(np.float32) for row in rows]


every_kind = pytest.mark.parametrize("name", AUGMENTATIONS)


def test_every_kind_has_ranges_and_the_other_way_round() -> None:
    assert list(RANGES) == list(AUGMENTATIONS)
    assert all(type(RANGES[name]) is cls for name, cls in AUGMENTATIONS.items())


@every_kind
def test_kind_says_what_it_is(name: str) -> None:
    for text in (AUGMENTATIONS[name], AUGMENTATIONS[name].draw, AUGMENTATIONS[name].apply):
        assert text.__doc__
    assert AUGMENTATIONS[name].__doc__ != AUGMENTATIONS[name].apply.__doc__
    assert AUGMENTATIONS[name].acts_on in get_args(ActsOn)
    assert AUGMENTATIONS[name].needs in get_args(Needs)


@every_kind
def test_what_a_kind_draws_follows_from_the_generator_and_fits_json(name: str) -> None:
    states = [drawn(name, seed) for seed in range(20)]
    assert [drawn(name, seed) for seed in range(20)] == states
    for state in states:
        again = json.loads(json.dumps(state))
        assert again == state
        assert list(map(type, again.values())) == list(map(type, state.values()))
    different = {json.dumps(state) for state in states}
    assert len(different) == (len(states) if chain_of(name, RANGES).is_random else 1)


@every_kind
def test_kind_keeps_shape_and_dtype_and_leaves_its_input_alone(name: str, clips: Array) -> None:
    kind = AUGMENTATIONS[name]
    for number, x in enumerate(inputs_of(name, clips)):
        before, state = x.copy(), drawn(name, number)
        x.flags.writeable = False
        y = kind.apply(x, state)
        assert y.shape == x.shape
        assert y.dtype == np.float32
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(kind.apply(x, json.loads(json.dumps(state))), y)
        assert np.isfinite(y).all()
        assert not np.array_equal(x, y)


@every_kind
@pytest.mark.parametrize("value", [0.0, -100.0])
def test_kind_keeps_silence_finite(name: str, value: float, clips: Array) -> None:
    for number, x in enumerate(inputs_of(name, clips)):
        flat = np.full_like(x, value)
        assert np.isfinite(AUGMENTATIONS[name].apply(flat, drawn(name, number))).all()


@pytest.mark.parametrize(("name", "feature"), USEFUL)
def test_kind_makes_another_row_of_a_feature(name: str, feature: str, clips: Array) -> None:
    chain, medium = chain_of(name, RANGES), MEDIA[feature]
    for number, pcm in enumerate(to_pcm(clips[1:])):  # faint noise is nothing on top of noise
        row = PARAMS.extract[feature](from_pcm(pcm)[np.newaxis], SAMPLE_RATE)[0]
        before = row.copy()
        states = chain.draw(np.random.default_rng(number))
        sample = medium.make(states, row, pcm)
        assert (sample.shape, sample.dtype) == (row.shape, row.dtype)
        assert not np.array_equal(sample, row)
        np.testing.assert_array_equal(row, before)
        np.testing.assert_array_equal(
            medium.make(json.loads(json.dumps(states)), row, pcm.copy()), sample
        )


def rows_before_and_after(kind: str, feature: str, sound: Array, state: State) -> list[Array]:
    """A clip's row as float64, and that of the clip which a kind has changed."""
    changed = AUGMENTATIONS[kind].apply(sound, state)
    rows = PARAMS.extract[feature](np.stack([sound, changed]), SAMPLE_RATE)
    return list(rows.astype(np.float64))


# Neighbours among a map's colours are up to 3 bytes apart; float16 has steps of 4 Hz up here.
@pytest.mark.parametrize(("feature", "rounding"), [("colour", 3.0), ("centroid", 4.0)])
@pytest.mark.parametrize("db", [-6.0, 6.0])
def test_gain_is_refused_where_it_changes_no_more_than_rounding(
    feature: str, rounding: float, db: float, clips: Array
) -> None:
    assert ("gain", feature) not in USEFUL
    before, after = rows_before_and_after("gain", feature, clips[0], {"db": db})
    assert np.abs(after - before).mean() < 0.01 * rounding
    assert np.abs(after - before).max() <= rounding
    before, after = rows_before_and_after("gain", "mel", clips[0], {"db": db})
    assert (after - before).mean() == pytest.approx(db, abs=0.01)


def test_what_needs_frequencies_is_refused_where_a_row_has_none(clips: Array) -> None:
    """A centroid's row comes back, or nothing is left of it, or it becomes what a stretch does."""
    refused = {kind for kind, feature in PAIRS if (kind, feature) not in USEFUL}
    row = PARAMS.extract["centroid"](clips[:1], SAMPLE_RATE).astype(np.float32)[..., np.newaxis]
    made = {
        name: AUGMENTATIONS[name].apply(row, state)
        for name, state in {
            "flip": {},
            "rotate": {"degrees": 5.0},
            "frequency_mask": {"start": 0.5, "width": 0.1},
            "zoom": {"factor": 1.2, "x": 0.5, "y": 0.3},
            "stretch": {"factor": 1.2},
        }.items()
    }
    assert made.keys() - {"stretch"} < refused
    np.testing.assert_array_equal(made["flip"], row)
    assert np.abs(made["rotate"] - row).mean() < 0.1 * np.abs(made["stretch"] - row).mean()
    assert np.ptp(made["frequency_mask"]) == 0
    np.testing.assert_allclose(made["zoom"], made["stretch"], rtol=1e-4)


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
