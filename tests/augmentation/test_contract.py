"""What every kind of augmentation must keep to; a new kind is tested without writing a test."""

import json
from typing import get_args, get_type_hints

import numpy as np
import pytest
from documents import base_document

from pipeline.audio.clips import from_pcm, to_pcm
from pipeline.augmentation.kind import Augmentation, State, augmentations, chain_of
from pipeline.augmentation.target import Target, parse_augment, reason_against
from pipeline.base.types import Array
from pipeline.features.shared.feature import Feature, feature_names, read_feature

SAMPLE_RATE = 22_050
DOCUMENT = base_document()
RANGES = parse_augment(DOCUMENT["augment"]).ranges
FEATURES = {name: read_feature(name, DOCUMENT) for name in feature_names()}


def target_of(feature: Feature) -> Target:
    template = feature.template(SAMPLE_RATE, SAMPLE_RATE)
    return Target(feature, SAMPLE_RATE, template.shape[1:], template.dtype.name)


TARGETS = {name: target_of(feature) for name, feature in FEATURES.items()}
APPLICABLE = [
    (kind, feature)
    for kind in augmentations()
    for feature, target in TARGETS.items()
    if not reason_against(target, chain_of(kind, RANGES))
]

every_kind = pytest.mark.parametrize("name", augmentations())


@pytest.fixture(scope="module")
def clips() -> Array:
    """Three clips of one second: noise, a sine, and half a second of noise before silence."""
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE)
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    half = np.where(np.arange(SAMPLE_RATE) < SAMPLE_RATE // 2, noise, 0.0)
    return np.stack([noise, sine, half]).astype(np.float32)


@pytest.fixture(scope="module")
def rows(clips: Array) -> dict[str, Array]:
    """The clips' rows of every feature."""
    return {name: feature(clips, SAMPLE_RATE) for name, feature in FEATURES.items()}


def drawn(name: str, seed: int) -> State:
    return RANGES[name].draw(np.random.default_rng(seed))


def inputs_of(name: str, clips: Array, rows: dict[str, Array]) -> list[Array]:
    """What a kind acts on: the clips' sound, or their spectrograms in dB, or coloured ones too."""
    acts_on = augmentations()[name].acts_on
    if acts_on == "sound":
        return list(clips)
    features = ["mel"] if acts_on == "decibels" else ["mel", "colour"]
    return [row.astype(np.float32) for feature in features for row in rows[feature]]


@every_kind
def test_kind_says_what_it_is(name: str) -> None:
    kind = augmentations()[name]
    assert all(each.__doc__ for each in (kind, kind.draw, kind.apply))
    assert kind.__doc__ != Augmentation.__doc__
    hints = get_type_hints(Augmentation)
    for attribute in ("acts_on", "needs"):
        [choices] = get_args(hints[attribute])
        assert getattr(kind, attribute) in get_args(choices)


@every_kind
def test_draw_follows_from_the_generator_and_fits_json(name: str) -> None:
    states = [drawn(name, seed) for seed in range(20)]
    assert [drawn(name, seed) for seed in range(20)] == states
    for state in states:
        again = json.loads(json.dumps(state))
        assert again == state
        assert list(map(type, again.values())) == list(map(type, state.values()))
    different = {json.dumps(state) for state in states}
    assert len(different) == (len(states) if chain_of(name, RANGES).is_random else 1)


@every_kind
def test_apply_keeps_shape_and_dtype_and_its_input(
    name: str, clips: Array, rows: dict[str, Array]
) -> None:
    kind = augmentations()[name]
    for number, x in enumerate(inputs_of(name, clips, rows)):
        before, state = x.copy(), drawn(name, number)
        x.flags.writeable = False
        y = kind.apply(x, state)
        assert y.shape == x.shape
        assert y.dtype == np.float32
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(kind.apply(x, json.loads(json.dumps(state))), y)
        assert np.isfinite(y).all()
        assert not np.array_equal(x, y)
        for value in (0.0, -100.0):
            assert np.isfinite(kind.apply(np.full_like(x, value), state)).all()


@every_kind
def test_kind_can_change_a_feature(name: str) -> None:
    assert name in {kind for kind, _ in APPLICABLE}


@pytest.mark.parametrize(("name", "feature"), APPLICABLE)
def test_sample_is_another_row_of_the_feature(name: str, feature: str, clips: Array) -> None:
    chain, target = chain_of(name, RANGES), TARGETS[feature]
    for number, pcm in enumerate(to_pcm(clips[1:])):  # on noise, faint noise makes no difference
        row = FEATURES[feature](from_pcm(pcm)[np.newaxis], SAMPLE_RATE)[0]
        before = row.copy()
        states = chain.draw(np.random.default_rng(number))
        sample = target.make_sample(chain.kinds, states, row, pcm)
        assert (sample.shape, sample.dtype) == (row.shape, row.dtype)
        assert not np.array_equal(sample, row)
        np.testing.assert_array_equal(row, before)
        recorded = json.loads(json.dumps(states))
        classes = [augmentations()[state["kind"]] for state in recorded]
        again = target.make_sample(classes, recorded, row, pcm.copy())
        np.testing.assert_array_equal(again, sample)
