"""Chains of kinds, where they are of use, and samples made by hand beside those of a Target."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.augmentation.registry import AUGMENTATIONS
from pipeline.augmentation.chains import Chain, chain_of
from pipeline.features.centroid import Centroid
from pipeline.features.colour import Colour
from pipeline.features.shared.feature import Feature
from pipeline.features.grey import Grey
from pipeline.features.mel import Mel
from pipeline.base.arrays import Array
from pipeline.augmentation.base import State
from pipeline.augmentation.target import Target
from pipeline.augmentation.kinds.pictures import Mirror, TimeMask
from pipeline.augmentation.kinds.sound import Gain, PitchShift
from pipeline.augmentation.kinds.spectra import Equaliser
from pipeline.check import load_params
from pipeline.audio.pcm import from_pcm

RATE = 22_050
RANGES = load_params().augment.ranges
MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 1, "viridis")
DRAWN_MEL = Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 3, "magma")
GREY = Grey(512, 256, 64, 64, -120.0, -20.0)
COLOUR = Colour(256, 128, 64, 64, -200.0, "viridis")
CENTROID = Centroid(2048, 512)

SOUND = {name for name, kind in AUGMENTATIONS.items() if kind.acts_on == "sound"}
DECIBELS = {name for name, kind in AUGMENTATIONS.items() if kind.needs == "decibels"}
FREQUENCIES = {name for name, kind in AUGMENTATIONS.items() if kind.needs == "picture"}
PCM = np.random.default_rng(0).integers(-9000, 9000, RATE).astype(np.int16)


def medium(feature: Feature | None, dimensions: int = 3, dtype: str = "float16") -> Target:
    return Target(feature, RATE, (64, 65, 1)[:dimensions], dtype)


def row_of(feature: Feature, sound: Array | None = None) -> Array:
    clip = from_pcm(PCM) if sound is None else sound
    row: Array = feature(clip[np.newaxis], RATE)[0]
    return row


def named(kind: str, **state: Any) -> State:
    return {"kind": kind, **state}


@pytest.mark.parametrize("name", ["mirror", "gain+noise", "pitch_shift+equaliser+time_mask"])
def test_a_chain_has_the_kinds_of_its_name(name: str) -> None:
    chain = chain_of(name, RANGES)
    assert chain.name == name
    assert chain.kinds == tuple(RANGES[each] for each in name.split("+"))
    assert chain.named == [(each, RANGES[each]) for each in name.split("+")]


@pytest.mark.parametrize(
    ("name", "unknown"),
    [("blurr", "blurr"), ("mirror+", ""), ("", ""), ("gain + mirror", "gain "), ("Flip", "Flip")],
)
def test_a_name_that_is_no_kinds_is_refused(name: str, unknown: str) -> None:
    with pytest.raises(ValueError, match=f"^no such kind: '{unknown}'$"):
        chain_of(name, RANGES)


@pytest.mark.parametrize("name", ["mirror+gain", "gain+equaliser+noise", "equaliser+pitch_shift"])
def test_sound_behind_what_is_no_sound_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^kinds that act on sound come first$"):
        chain_of(name, RANGES)


@pytest.mark.parametrize("name", ["mirror+mirror", "flip+blur+flip", "gain+mirror+flip+mirror"])
def test_what_undoes_itself_is_refused_a_second_time(name: str) -> None:
    twice = "flip" if name.startswith("flip") else "mirror"
    expected = rf"^'{twice}' should be in it once, as the second undoes the first$"
    with pytest.raises(ValueError, match=expected):
        chain_of(name, RANGES)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mirror+flip", "flip+mirror", True),
        ("mirror", "mirror", True),
        ("mirror", "flip", False),
        ("mirror+flip", "mirror", False),
        ("mirror+blur", "blur+mirror", False),
        ("blur+zoom", "zoom+blur", False),
    ],
)
def test_the_order_of_what_leaves_nothing_to_chance_makes_no_other_chain(
    one: str, other: str, same: bool
) -> None:
    first, second = (chain_of(name, RANGES) for name in (one, other))
    assert (first.identity == second.identity) == same
    if not first.is_random and not second.is_random:
        row = np.random.default_rng(0).normal(size=(64, 65, 1)).astype(np.float16)
        states = [chain.draw(np.random.default_rng(0)) for chain in (first, second)]
        made = [medium(None).make(each, row, None) for each in states]
        assert np.array_equal(made[0], made[1]) == same


@pytest.mark.parametrize(
    ("name", "varies", "hears"),
    [
        ("mirror", False, False),
        ("mirror+flip", False, False),
        ("mirror+blur", True, False),
        ("equaliser", True, False),
        ("time_shift", True, True),
        ("gain+mirror", True, True),
    ],
)
def test_whether_a_chain_varies_and_hears(name: str, varies: bool, hears: bool) -> None:
    chain = chain_of(name, RANGES)
    assert (chain.is_random, chain.needs_sound) == (varies, hears)


def test_a_chain_draws_for_its_kinds_in_turn() -> None:
    chain = Chain("gain+mirror+time_mask", (Gain(6.0), Mirror(), TimeMask(0.2)))
    rng = np.random.default_rng(3)
    gain, mask = Gain(6.0).draw(rng), TimeMask(0.2).draw(rng)
    expected = [named("gain", **gain), named("mirror"), named("time_mask", **mask)]
    assert chain.draw(np.random.default_rng(3)) == expected


def test_a_kind_twice_in_a_chain_has_two_states() -> None:
    first, second = chain_of("time_mask+time_mask", RANGES).draw(np.random.default_rng(0))
    assert first["kind"] == second["kind"]
    assert first != second


@pytest.mark.parametrize(
    ("where", "refused"),
    [
        (medium(MEL), set()),
        (medium(GREY), set()),
        (medium(COLOUR), DECIBELS),
        (medium(DRAWN_MEL), DECIBELS),
        (medium(CENTROID, dimensions=1), DECIBELS | FREQUENCIES),
        (medium(None), DECIBELS | SOUND),
        (medium(None, dimensions=1), DECIBELS | SOUND | FREQUENCIES),
    ],
    ids=["mel", "grey", "colour", "drawn mel", "centroid", "own picture", "own row"],
)
def test_what_a_feature_cannot_take(where: Target, refused: set[str]) -> None:
    reasons = {name: where.reason_against(chain_of(name, RANGES)) for name in AUGMENTATIONS}
    assert {name for name, reason in reasons.items() if reason} == refused
    for name in refused:
        if name in SOUND and where.feature is None:
            assert "not known" in reasons[name]
        elif name in DECIBELS:
            assert "dB only" in reasons[name]
        else:
            assert "no frequencies" in reasons[name]


def test_rows_of_other_dimensions_are_refused() -> None:
    for shape in ((), (64, 65), (3, 64, 65, 1)):
        where = Target(None, RATE, shape, "float16")
        assert "neither" in where.reason_against(chain_of("mirror", RANGES))


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "bool", "complex64"])
def test_rows_that_do_not_come_back_from_float32_are_refused(dtype: str) -> None:
    where = medium(None, dtype=dtype)
    reason = f"changes floats and integers of up to 16 bits, and rows of this feature are {dtype}"
    assert {where.reason_against(chain_of(name, RANGES)) for name in AUGMENTATIONS} == {reason}


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_rows_of_small_integers_come_back_exactly(dtype: str) -> None:
    where = medium(None, 1, dtype)
    assert not where.reason_against(chain_of("mirror", RANGES))
    limits = np.iinfo(dtype)
    row = np.array([limits.min, limits.min + 1, 1, limits.max - 1, limits.max], dtype)
    np.testing.assert_array_equal(where.make([named("mirror")], row, None), row[::-1])


def test_what_needs_frequencies_is_refused_where_there_is_one_band() -> None:
    one = Mel(2048, 1024, 1, 0.0, 11_025.0, 80.0, 1, "viridis")
    where = Target(one, RATE, (1, 65, 1), "float16")
    reasons = {name: where.reason_against(chain_of(name, RANGES)) for name in AUGMENTATIONS}
    assert {name for name, reason in reasons.items() if reason} == FREQUENCIES
    expected = "changes pictures of several bands only, and rows of this feature have one"
    assert {reasons[name] for name in FREQUENCIES} == {expected}
    row = row_of(one)
    np.testing.assert_array_equal(where.make([named("flip")], row, None), row)


def test_whole_numbers_of_any_size_are_rounded_and_clipped() -> None:
    row = np.array([32767, 32767, -5, -6, 7], np.int16)
    sample = medium(None, 1).make([named("blur", sigma=1.0)], row, None)
    exact = medium(None, 1).make([named("blur", sigma=1.0)], row.astype(np.float32), None)
    assert sample.dtype == np.int16
    np.testing.assert_array_equal(sample, np.rint(exact))


def test_a_chain_is_refused_for_any_of_its_kinds() -> None:
    where = medium(CENTROID, dimensions=1)
    assert not where.reason_against(chain_of("noise+mirror+blur", RANGES))
    assert "no frequencies" in where.reason_against(chain_of("noise+mirror+flip", RANGES))


def test_a_chain_from_sound_to_picture_is_its_steps_by_hand() -> None:
    states = [
        named("gain", db=3.0),
        named("pitch_shift", semitones=1.0),
        named("equaliser", db=[2.0, -4.0]),
        named("mirror"),
        named("time_mask", start=0.25, width=0.1),
    ]
    sound = PitchShift.apply(Gain.apply(from_pcm(PCM), states[0]), states[1])
    louder = Equaliser.apply(row_of(MEL, sound).astype(np.float32), states[2])
    expected = TimeMask.apply(louder[:, ::-1], states[4]).astype(np.float16)
    sample = medium(MEL).make(states, row_of(MEL), PCM)
    np.testing.assert_array_equal(sample, expected)


@pytest.mark.parametrize("feature", [MEL, GREY, COLOUR, CENTROID])
def test_sound_alone_is_the_feature_of_that_sound(feature: Feature) -> None:
    state = named("pitch_shift", semitones=-1.0)
    expected = row_of(feature, PitchShift.apply(from_pcm(PCM), state))
    sample = medium(feature, 1 if feature == CENTROID else 3).make([state], row_of(feature), PCM)
    np.testing.assert_array_equal(sample, expected)


def test_a_row_without_frequencies_is_masked_and_mirrored_in_time() -> None:
    row = np.arange(10, dtype=np.float16)
    states = [named("mirror"), named("time_mask", start=0.2, width=0.3)]
    sample = medium(None, dimensions=1).make(states, row, None)
    assert sample.dtype == np.float16
    assert sample.tolist() == [9, 8, 4.5, 4.5, 4.5, 4, 3, 2, 1, 0]


def louder_by(db: Sequence[float], grey: Array, feature: Grey = GREY) -> Array:
    return medium(feature).make([named("equaliser", db=list(db))], grey, None)


def test_grey_is_rounded_to_the_nearest_step_and_clipped() -> None:
    grey = np.array([0, 1, 100, 250, 255], np.uint8).reshape(1, 5, 1)
    step = 100 / 255  # dB
    up, down = (louder_by([2.6 * sign * step] * 2, grey) for sign in (1, -1))
    assert up.dtype == np.uint8
    assert up.ravel().tolist() == [3, 4, 103, 253, 255]
    assert down.ravel().tolist() == [0, 0, 97, 247, 252]


@pytest.mark.parametrize("feature", [GREY, Grey(512, 256, 64, 64, -150.0, 0.0)])
def test_an_equaliser_of_three_decibels_is_a_gain_of_three(feature: Grey) -> None:
    before = row_of(feature).astype(int)
    equalised = louder_by([3.0, 3.0], row_of(feature), feature).astype(int)
    sounding = row_of(feature, Gain.apply(from_pcm(PCM), {"db": 3.0})).astype(int)
    inside = (before > 0) & (sounding < 255)  # beyond, the row does not tell how far
    assert np.abs(equalised - sounding)[inside].max() <= 1  # both are rounded
    risen = np.mean((equalised - before)[inside])
    assert risen == pytest.approx(3 * feature.steps_per_db, abs=0.5)


def test_spectral_noise_means_the_same_on_grey_as_on_mel() -> None:
    """It raises a flat spectrogram by 10 log10(1 + 10^(-snr / 10)) dB or a little less."""
    raised = []
    for feature, dtype in ((GREY, np.uint8), (MEL, np.float16)):
        flat = np.full((64, 64, 1), 100, dtype)
        sample = medium(feature).make([named("spectral_noise", snr_db=0.0, seed=1)], flat, None)
        steps = feature.steps_per_db
        assert steps is not None
        raised.append((sample.astype(np.float64) - 100).mean() / steps)
    assert raised[0] == pytest.approx(raised[1], abs=0.05)
    assert 2 < raised[1] < 10 * np.log10(2)
