"""What kinds draw, and chains of them: parsed from their names and told apart."""

from functools import reduce
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from documents import base_document

from pipeline.augmentation.decibels import Equaliser, SpectralNoise
from pipeline.augmentation.kind import Augmentation, Chain, chain_of
from pipeline.augmentation.pictures import (
    Blur,
    FrequencyMask,
    Mirror,
    Rotate,
    Stretch,
    TimeMask,
    Zoom,
)
from pipeline.augmentation.sounds import Gain, Noise, PitchShift, TimeShift, TimeStretch
from pipeline.augmentation.target import parse_augment

RANGES = parse_augment(base_document()["augment"]).ranges


SOUND_FIRST = "kinds that act on sound come first"
UNDONE = "'{}' should be in it once, as the second undoes the first"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("blurr", "no such kind"),
        ("", "no such kind"),
        ("gain + mirror", "'gain ' is no kind"),
        ("mirror+gain", SOUND_FIRST),
        ("gain+equaliser+noise", SOUND_FIRST),
        ("mirror+mirror", UNDONE.format("mirror")),
        ("gain+mirror+flip+mirror", UNDONE.format("mirror")),
    ],
)
def test_a_name_that_is_no_chain_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        chain_of(name, RANGES)


@pytest.mark.parametrize(
    ("name", "other_name", "same"),
    [
        ("mirror+flip", "flip+mirror", True),
        ("mirror", "flip", False),
        ("blur+zoom", "zoom+blur", False),
    ],
)
def test_order_makes_no_other_chain_where_nothing_is_left_to_chance(
    name: str, other_name: str, same: bool
) -> None:
    first, second = chain_of(name, RANGES), chain_of(other_name, RANGES)
    assert (first.identity == second.identity) == same
    if not first.is_random and not second.is_random:
        picture = np.random.default_rng(0).normal(size=(64, 65, 1))
        one, other = (
            reduce(lambda x, kind: kind.apply(x, {}), chain.kinds, picture)
            for chain in (first, second)
        )
        assert np.array_equal(one, other) == same


@pytest.mark.parametrize(
    ("name", "is_random", "needs_sound"),
    [
        ("mirror", False, False),
        ("mirror+blur", True, False),
        ("time_shift", True, True),
        ("pitch_shift+equaliser+time_mask", True, True),
    ],
)
def test_chain_has_the_kinds_in_its_name_and_knows_what_they_need(
    name: str, is_random: bool, needs_sound: bool
) -> None:
    chain = chain_of(name, RANGES)
    assert chain.name == name
    assert chain.kinds == tuple(RANGES[each] for each in name.split("+"))
    assert chain.named == [(each, RANGES[each]) for each in name.split("+")]
    assert (chain.is_random, chain.needs_sound) == (is_random, needs_sound)


def test_chain_draws_for_one_kind_after_another() -> None:
    gain, mirror, mask = Gain(6.0), Mirror(), TimeMask(0.2)
    chain = Chain("gain+mirror+time_mask+time_mask", (gain, mirror, mask, mask))
    rng = np.random.default_rng(3)
    expected = [{"kind": "gain", **gain.draw(rng)}, {"kind": "mirror"}]
    expected += [{"kind": "time_mask", **mask.draw(rng)} for _ in range(2)]
    assert chain.draw(np.random.default_rng(3)) == expected
    assert expected[2] != expected[3]


def log_ratio(key: str, largest: float) -> Any:
    """A drawn factor as a share of the way to the largest one, in octaves."""
    return lambda state: np.log(state[key]) / np.log(largest)


@pytest.mark.parametrize(
    ("kind", "value", "low", "high"),
    [
        (Gain(6.0), itemgetter("db"), -6, 6),
        (Noise(10.0), itemgetter("snr_db"), 10, 40),
        (PitchShift(2.0), itemgetter("semitones"), -2, 2),
        (TimeStretch(1.25), log_ratio("rate", 1.25), -1, 1),
        (TimeShift(0.5), itemgetter("share"), 0, 0.5),
        (Rotate(5.0), itemgetter("degrees"), -5, 5),
        (Stretch(1.25), log_ratio("factor", 1.25), -1, 1),
        (Zoom(1.25), log_ratio("factor", 1.25), 0, 1),
        (Zoom(1.25), itemgetter("x"), 0, 1),
        (Zoom(1.25), itemgetter("y"), 0, 1),
        (Blur(2.0), itemgetter("sigma"), 0.3, 2),
        (Equaliser(6.0, 5), lambda state: state["db"][0], -6, 6),
        (Equaliser(6.0, 5), lambda state: state["db"][4], -6, 6),
        (SpectralNoise(10.0), itemgetter("snr_db"), 10, 40),
        # As SpecAugment draws its masks.
        (TimeMask(0.4), itemgetter("width"), 0, 0.4),
        (TimeMask(0.4), lambda state: state["start"] / (1 - state["width"]), 0, 1),
        (FrequencyMask(0.4), itemgetter("width"), 0, 0.4),
    ],
)
def test_drawn_values_keep_their_range_and_fill_it_evenly(
    kind: Augmentation, value: Any, low: float, high: float
) -> None:
    values = [value(kind.draw(np.random.default_rng(seed))) for seed in range(2000)]
    assert low <= min(values) < low + 0.05 * (high - low)
    assert high >= max(values) > high - 0.05 * (high - low)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75])
    np.testing.assert_allclose((quartiles - low) / (high - low), [0.25, 0.5, 0.75], atol=0.04)
    assert np.mean(values) == pytest.approx((low + high) / 2, abs=0.05 * (high - low))
