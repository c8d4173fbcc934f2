"""What is drawn, and where: read out of the SVG."""

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from pipeline.evaluation.scores import Bin, GenreScores, Score
from pipeline.pages.charts import (
    GAINED,
    LOST,
    OTHER,
    REFERENCE,
    Estimate,
    calibration_chart,
    curve_chart,
    genre_chart,
    interval_chart,
    score_chart,
)

ESTIMATES = [
    Estimate("main", 0.625, 0.55, 0.695, REFERENCE),
    Estimate("trial", 0.66, 0.59, 0.73),
    Estimate("workspace", 0.68, 0.60, 0.745),
]
DIFFERENCES = [
    Estimate("trial minus main", 0.035, -0.02, 0.095),
    Estimate("workspace minus main", -0.015, -0.045, 0.005),
]


def marks(svg: str, kind: str) -> Iterator[ElementTree.Element]:
    """All that is drawn for the marks of a kind: rule, symbol, rect, text."""
    for element in ElementTree.fromstring(svg).iter():
        if f"mark-{kind} role-mark" in element.get("class", ""):
            yield from element


def place(element: ElementTree.Element) -> tuple[float, float]:
    x, y = re.findall(r"-?[\d.]+", element.get("transform", ""))
    return float(x), float(y)


def extent(element: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a path of lines and curves."""
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", element.get("d", ""))]
    across, down = numbers[::2], numbers[1::2]
    return min(across), min(down), max(across), max(down)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.text]


@pytest.mark.parametrize(("estimates", "signed"), [(ESTIMATES, False), (DIFFERENCES, True)])
def test_dots_and_bands_share_one_scale(estimates: list[Estimate], signed: bool) -> None:
    svg = interval_chart(estimates, signed=signed)
    drawn = []
    parts = zip(estimates, marks(svg, "symbol"), marks(svg, "rect"), strict=True)
    for estimate, dot, band in parts:
        (x, y), (low, top, high, bottom) = place(dot), extent(band)
        assert y == pytest.approx((top + bottom) / 2)
        assert dot.get("fill") == band.get("fill") == estimate.colour
        drawn += [(estimate.low, low), (estimate.value, x), (estimate.high, high)]
    (value_a, x_a), (value_b, x_b) = drawn[0], drawn[2]
    pixels = (x_b - x_a) / (value_b - value_a)
    assert pixels > 0
    for value, x in drawn:
        assert x == pytest.approx(x_a + pixels * (value - value_a))
    if signed:
        [zero] = marks(svg, "rule")
        assert place(zero)[0] == pytest.approx(x_a - pixels * value_a)
        assert {"0", "+2", "\N{MINUS SIGN}2"} <= set(texts(svg))


def test_rows_are_in_order_and_labelled() -> None:
    svg = interval_chart(ESTIMATES)
    rows = [place(dot)[1] for dot in marks(svg, "symbol")]
    assert rows == sorted(rows)
    assert len({b - a for a, b in pairwise(rows)}) == 1
    shown = texts(svg)
    names = ["main", "trial", "workspace"]
    assert [text for text in shown if text in names] == names
    assert [text.text for text in marks(svg, "text")] == ["62.5", "66.0", "68.0"]
    assert "accuracy in %" in shown


@pytest.mark.parametrize("signed", [False, True])
def test_intervals_of_one_point_and_one_name_are_drawn(signed: bool) -> None:
    svg = interval_chart([Estimate("a", 0.0, 0.0, 0.0)] * 2, signed=signed)
    assert len(list(marks(svg, "symbol"))) == 2
    assert "NaN" not in svg


def test_bars_are_as_long_as_the_tracks_are_many() -> None:
    """The genre that gains most comes first; one without a change has a name and no bar."""
    svg = genre_chart({"blues": (3, 1), "jazz": (0, 0), "metal": (0, 4), "rock": (5, 0)})
    [line] = marks(svg, "rule")
    middle = place(line)[0]
    lengths = {}
    for bar in marks(svg, "rect"):
        x, y, width = map(float, re.findall(r"-?[\d.]+", bar.get("d", ""))[:3])
        colour = bar.get("fill", "")
        assert (x if colour == GAINED else x + width) == pytest.approx(middle)
        lengths[y, colour] = width
    first, second, last = sorted({y for y, _ in lengths})
    assert last - second == pytest.approx(2 * (second - first))  # jazz lies between
    unit = lengths[first, GAINED] / 5
    expected = {(first, GAINED): 5, (second, GAINED): 3, (second, LOST): 1, (last, LOST): 4}
    assert lengths == pytest.approx({key: unit * tracks for key, tracks in expected.items()})
    assert {text.text for text in marks(svg, "text")} == {
        *("+5", "+3", "\N{MINUS SIGN}1", "\N{MINUS SIGN}4")
    }
    names = [text for text in texts(svg) if text.isalpha()]
    assert names == ["rock", "blues", "jazz", "metal"]


def test_no_genre_changes_and_all_are_named() -> None:
    svg = genre_chart({"blues": (0, 0), "rock": (0, 0)})
    assert list(marks(svg, "rect")) == list(marks(svg, "text")) == []
    assert texts(svg) == ["blues", "rock"]
    assert "NaN" not in svg


def test_curves_are_of_each_fold_and_their_mean_over_all_epochs() -> None:
    """A fold that stopped early counts with its last value until the longest one ends."""
    values = {"val_accuracy": 0.5, "loss": 1.0, "val_loss": 1.0}
    folds = {0: [0.2, 0.4, 0.6], 1: [0.4, 0.8]}
    histories = {
        fold: [{"accuracy": accuracy, **values} for accuracy in curve]
        for fold, curve in folds.items()
    }
    lines = list(marks(curve_chart(histories, "accuracy"), "line"))
    training = [line for line in lines if line.get("stroke") == REFERENCE]
    assert len(lines) == 2 * len(training) == 6
    corners = [re.findall(r"([\d.]+),([\d.]+)", line.get("d", "")) for line in training]
    assert [len(each) for each in corners] == [3, 2, 3]
    # On an axis from 0 to 1, 230 pixels high: 0.3, 0.6 and 0.7 are the means.
    assert [1 - float(y) / 230 for _, y in corners[2]] == pytest.approx([0.3, 0.6, 0.7])


def test_scores_are_drawn_in_percent_and_only_where_there_are_any() -> None:
    genres = [
        GenreScores("jazz", 4, None, Score(0.5, 0.25, 0.75), None),
        GenreScores("rock", 0, None, None, None),
    ]
    svg = score_chart(genres, "recall")
    [dot], [band] = marks(svg, "symbol"), marks(svg, "rect")
    assert place(dot)[0] == pytest.approx(125)  # of 250 pixels
    low, _, high, _ = extent(band)
    assert (low, high) == pytest.approx((62.5, 187.5))
    assert [text for text in texts(svg) if text.isalpha()] == ["jazz", "rock"]


def test_bins_lie_at_their_confidence_and_accuracy() -> None:
    bins = [Bin(0.25, 0.5, 3), Bin(0.75, 1.0, 1)]
    dots = list(marks(calibration_chart([bins, bins[:1]]), "symbol"))
    assert [dot.get("fill") for dot in dots] == [OTHER, OTHER, REFERENCE]
    assert [place(dot) for dot in dots] == [(75, 150), (225, 0), (75, 150)]  # of 300 pixels


def test_long_names_are_cut() -> None:
    shown = texts(interval_chart([Estimate("n" * 80, 0.5, 0.2, 0.8)]))
    [cut] = [text for text in shown if text.startswith("n")]
    assert re.fullmatch("n{10,70}…", cut)


def test_charts_load_nothing_and_have_no_ids_and_only_colours_of_the_style() -> None:
    """A colour of Vega's own would not follow the reader's theme."""
    for svg in (interval_chart(DIFFERENCES, signed=True), genre_chart({"rock": (1, 1)})):
        assert not re.search(r"url\(|href=|\bid=|<style|<image|<script", svg)
        drawn = set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg))
        assert {colour for colour in drawn if not colour.startswith("var(--")} <= {"none"}
