"""Chains: parsed from their names, drawn in order, and told apart."""

from functools import reduce

import numpy as np
import pytest
from documents import base_document

from pipeline.augmentation.kind import Chain, chain_of
from pipeline.augmentation.pictures import Mirror, TimeMask
from pipeline.augmentation.sounds import Gain
from pipeline.augmentation.target import parse_augment

RANGES = parse_augment(base_document()["augment"]).ranges


@pytest.mark.parametrize("name", ["mirror", "gain+noise", "pitch_shift+equaliser+time_mask"])
def test_chain_has_the_kinds_in_its_name(name: str) -> None:
    chain = chain_of(name, RANGES)
    assert chain.name == name
    assert chain.kinds == tuple(RANGES[each] for each in name.split("+"))
    assert chain.named == [(each, RANGES[each]) for each in name.split("+")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("blurr", "no such kind"),
        ("Flip", "no such kind"),
        ("", "no such kind"),
        ("mirror+", "'' is no kind"),
        ("gain + mirror", "'gain ' is no kind"),
    ],
)
def test_name_that_is_not_that_of_a_kind_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        chain_of(name, RANGES)


@pytest.mark.parametrize("name", ["mirror+gain", "gain+equaliser+noise", "equaliser+pitch_shift"])
def test_sound_after_what_is_not_sound_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^kinds that act on sound come first$"):
        chain_of(name, RANGES)


@pytest.mark.parametrize("name", ["mirror+mirror", "flip+blur+flip", "gain+mirror+flip+mirror"])
def test_kind_that_undoes_itself_is_refused_a_second_time(name: str) -> None:
    twice = "flip" if name.startswith("flip") else "mirror"
    expected = rf"^'{twice}' should be in it once, as the second undoes the first$"
    with pytest.raises(ValueError, match=expected):
        chain_of(name, RANGES)


@pytest.mark.parametrize(
    ("name", "other_name", "same"),
    [
        ("mirror+flip", "flip+mirror", True),
        ("mirror", "mirror", True),
        ("mirror", "flip", False),
        ("mirror+flip", "mirror", False),
        ("mirror+blur", "blur+mirror", False),
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
        ("mirror+flip", False, False),
        ("mirror+blur", True, False),
        ("equaliser", True, False),
        ("time_shift", True, True),
        ("gain+mirror", True, True),
    ],
)
def test_whether_a_chain_is_random_and_needs_sound(
    name: str, is_random: bool, needs_sound: bool
) -> None:
    chain = chain_of(name, RANGES)
    assert (chain.is_random, chain.needs_sound) == (is_random, needs_sound)


def test_chain_draws_for_one_kind_after_another() -> None:
    chain = Chain("gain+mirror+time_mask", (Gain(6.0), Mirror(), TimeMask(0.2)))
    rng = np.random.default_rng(3)
    gain, mask = Gain(6.0).draw(rng), TimeMask(0.2).draw(rng)
    expected = [{"kind": "gain", **gain}, {"kind": "mirror"}, {"kind": "time_mask", **mask}]
    assert chain.draw(np.random.default_rng(3)) == expected


def test_kind_that_is_in_a_chain_twice_has_two_states() -> None:
    first, second = chain_of("time_mask+time_mask", RANGES).draw(np.random.default_rng(0))
    assert first["kind"] == second["kind"]
    assert first != second
