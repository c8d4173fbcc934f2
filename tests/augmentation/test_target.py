"""The features that a chain can change, samples beside those made by hand, and the recipe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from documents import base_document

from pipeline.audio.clips import from_pcm
from pipeline.augmentation.decibels import Equaliser
from pipeline.augmentation.kind import State, augmentations, chain_of
from pipeline.augmentation.pictures import TimeMask
from pipeline.augmentation.sounds import Gain, PitchShift
from pipeline.augmentation.target import (
    AugmentTrack,
    Parent,
    Pick,
    Target,
    parse_augment,
    reason_against,
)
from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.features.centroid import Centroid
from pipeline.features.colour import Colour
from pipeline.features.grey import Grey
from pipeline.features.mel import Mel
from pipeline.features.shared.feature import Feature

RATE = 22_050
RANGES = parse_augment(base_document()["augment"]).ranges
MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 1, "viridis")
DRAWN_MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 3, "magma")
GREY = Grey(512, 256, 64, 64, -120.0, -20.0)
COLOUR = Colour(256, 128, 64, 64, -200.0, "viridis")
CENTROID = Centroid(2048, 512)

ON_SOUND = {name for name, kind in augmentations().items() if kind.acts_on == "sound"}
FOR_DECIBELS = {name for name, kind in augmentations().items() if kind.needs == "decibels"}
FOR_PICTURES = {name for name, kind in augmentations().items() if kind.needs == "picture"}
PCM = np.random.default_rng(0).integers(-9000, 9000, RATE).astype(np.int16)


def target_for(feature: Feature | None, dimensions: int = 3, dtype: str = "float16") -> Target:
    return Target(feature, RATE, (64, 65, 1)[:dimensions], dtype)


def make(target: Target, states: Sequence[State], row: Array, pcm: Array | None = None) -> Array:
    kinds = [augmentations()[state["kind"]] for state in states]
    return target.make_sample(kinds, states, row, pcm)


def row_of(feature: Feature, sound: Array | None = None) -> Array:
    clip = from_pcm(PCM) if sound is None else sound
    row: Array = feature(clip[np.newaxis], RATE)[0]
    return row


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        (target_for(MEL), set()),
        (target_for(GREY), set()),
        (target_for(COLOUR), FOR_DECIBELS),
        (target_for(DRAWN_MEL), FOR_DECIBELS),
        (target_for(CENTROID, dimensions=1), FOR_DECIBELS | FOR_PICTURES),
        (Target(replace(MEL, n_mels=1), RATE, (1, 65, 1), "float16"), FOR_PICTURES),
        (target_for(None), FOR_DECIBELS | ON_SOUND),
        (target_for(None, dimensions=1), FOR_DECIBELS | ON_SOUND | FOR_PICTURES),
    ],
    ids=["mel", "grey", "colour", "drawn mel", "centroid", "one band", "own picture", "own row"],
)
def test_kinds_that_cannot_change_a_feature(target: Target, refused: set[str]) -> None:
    reasons = {name: reason_against(target, chain_of(name, RANGES)) for name in augmentations()}
    assert {name for name, reason in reasons.items() if reason} == refused
    for name in refused:
        if name in ON_SOUND and target.feature is None:
            assert "not known" in reasons[name]
        elif name in FOR_DECIBELS:
            assert "dB only" in reasons[name]
        else:
            why = "have one" if target.shape[0] == 1 else "have no frequencies"
            assert reasons[name].endswith(f"rows of this feature {why}")


def test_rows_of_other_dimensions_are_refused() -> None:
    for shape in ((), (64, 65), (3, 64, 65, 1)):
        target = Target(None, RATE, shape, "float16")
        assert "neither" in reason_against(target, chain_of("mirror", RANGES))


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "bool", "complex64"])
def test_dtypes_that_float32_cannot_hold_are_refused(dtype: str) -> None:
    target = target_for(None, dtype=dtype)
    reason = f"changes floats and integers of up to 16 bits, and rows of this feature are {dtype}"
    assert {reason_against(target, chain_of(name, RANGES)) for name in augmentations()} == {reason}


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_rows_of_small_integers_come_back_exactly(dtype: str) -> None:
    target = target_for(None, 1, dtype)
    assert not reason_against(target, chain_of("mirror", RANGES))
    limits = np.iinfo(dtype)
    row = np.array([limits.min, limits.min + 1, 1, limits.max - 1, limits.max], dtype)
    np.testing.assert_array_equal(make(target, [{"kind": "mirror"}], row), row[::-1])


def test_chain_is_refused_for_any_of_its_kinds() -> None:
    target = target_for(CENTROID, dimensions=1)
    assert not reason_against(target, chain_of("noise+mirror+blur", RANGES))
    assert "no frequencies" in reason_against(target, chain_of("noise+mirror+flip", RANGES))


def test_chain_from_sound_to_picture_is_its_steps_by_hand() -> None:
    states: list[State] = [
        {"kind": "gain", "db": 3.0},
        {"kind": "pitch_shift", "semitones": 1.0},
        {"kind": "equaliser", "db": [2.0, -4.0]},
        {"kind": "mirror"},
        {"kind": "time_mask", "start": 0.25, "width": 0.1},
    ]
    sound = PitchShift.apply(Gain.apply(from_pcm(PCM), states[0]), states[1])
    louder = Equaliser.apply(row_of(MEL, sound).astype(np.float32), states[2])
    expected = TimeMask.apply(louder[:, ::-1], states[4]).astype(np.float16)
    sample = make(target_for(MEL), states, row_of(MEL), PCM)
    np.testing.assert_array_equal(sample, expected)


def louder_by(db: Sequence[float], grey: Array, feature: Grey = GREY) -> Array:
    return make(target_for(feature), [{"kind": "equaliser", "db": list(db)}], grey)


def test_grey_is_rounded_to_the_nearest_step_and_clipped() -> None:
    grey = np.array([0, 1, 100, 250, 255], np.uint8).reshape(1, 5, 1)
    step = 100 / 255  # dB
    up, down = (louder_by([2.6 * sign * step] * 2, grey) for sign in (1, -1))
    assert up.dtype == np.uint8
    assert up.ravel().tolist() == [3, 4, 103, 253, 255]
    assert down.ravel().tolist() == [0, 0, 97, 247, 252]


@pytest.mark.parametrize("feature", [GREY, Grey(512, 256, 64, 64, -150.0, 0.0)])
def test_equaliser_of_three_decibels_is_a_gain_of_three(feature: Grey) -> None:
    before = row_of(feature).astype(int)
    equalised = louder_by([3.0, 3.0], row_of(feature), feature).astype(int)
    sounding = row_of(feature, Gain.apply(from_pcm(PCM), {"db": 3.0})).astype(int)
    inside = (before > 0) & (sounding < 255)  # beyond these, the row is clipped
    assert np.abs(equalised - sounding)[inside].max() <= 1  # both are rounded
    risen = np.mean((equalised - before)[inside])
    assert risen == pytest.approx(3 * feature.steps_per_db, abs=0.5)


ROW_TARGET = Target(None, 0, (20,), "float32")
PICKS = [(clip, copy) for clip in range(3) for copy in range(2)]
ROWS = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)


def states_of(
    track_id: str = "a/0",
    picks: Any = PICKS,
    chain: str = "stretch",
    seed: int = 1,
    rows: Any = ROWS,
) -> dict[Pick, Any]:
    made = AugmentTrack(chain_of(chain, RANGES), ROW_TARGET, seed)(
        Parent(track_id, rows, None, picks)
    )
    return {(clip, copy): states for clip, copy, states in made.facts["samples"]}


def test_draws_follow_from_seed_track_clip_copy_and_chain() -> None:
    first = states_of()
    assert len({str(states) for states in first.values()}) == len(PICKS)
    assert states_of(picks=PICKS[::-1]) == first
    assert states_of(picks=PICKS[2:3]) == {PICKS[2]: first[PICKS[2]]}
    assert states_of(rows=ROWS + 1) == first
    longer = states_of(chain="stretch+mirror")
    others = [states_of("a/1"), states_of(seed=2)]
    for pick in PICKS:
        assert all(other[pick] != first[pick] for other in others)
        assert longer[pick][0] != first[pick][0]


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_values_that_are_not_finite_are_named(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ROWS.copy()
    rows[1, 3] = value
    states_of(picks=PICKS[:2], rows=rows)
    expected = r"^the feature of clip 1 of a/0 has values that are not finite; compute it again$"
    with pytest.raises(PipelineError, match=expected):
        states_of(chain="mirror", rows=rows)
    monkeypatch.setattr(Target, "make_sample", lambda *_: np.full(20, value, np.float32))
    expected = r"^mirror makes values that are not finite of clip 0 of a/0; narrow the ranges of"
    with pytest.raises(PipelineError, match=expected):
        states_of(chain="mirror")
