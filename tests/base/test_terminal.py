"""Text that a terminal shows."""

import pytest

from pipeline.base.cli import about, aligned, clean, p_text, percent, points


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    rows = [["name", "points"], ["a", "+1.5"], ["longer", "-"]]
    assert aligned(rows, right=[1]).splitlines() == [
        "name    points",
        "a         +1.5",
        "longer       -",
    ]
    assert aligned(rows).splitlines() == ["name    points", "a       +1.5", "longer  -"]


def test_a_cell_cannot_steer_the_terminal_or_break_its_line() -> None:
    assert aligned([["a\nb", "\x1b[2J"]]) == "a?b  ?[2J"
    assert clean("Beyoncé \u202e\t\x07") == "Beyoncé ???"


@pytest.mark.parametrize(
    ("share", "text"), [(0.0325, "+3.2"), (-0.5, "-50.0"), (0.0, "+0.0"), (-1e-17, "+0.0")]
)
def test_points_are_signed_and_zero_is_positive(share: float, text: str) -> None:
    assert points(share) == text


def test_shares_and_p_values() -> None:
    assert percent(0.53249) == "53.2"
    assert (p_text(0.0341), p_text(0.00099), p_text(1)) == ("0.034", "< 0.001", "1.000")


def test_a_rough_time_is_in_the_unit_that_suits_it() -> None:
    times = [about(seconds) for seconds in (0.2, 31.0, 720.0, 9000.0)]
    assert times == ["under 1 s", "about 31 s", "about 12 min", "about 2.5 h"]
