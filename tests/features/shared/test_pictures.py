"""Averages over areas, and colours, beside slow implementations and Pillow's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image
from signals import assert_colours_show, slow_area_average

from pipeline.features.shared.spectra import draw, resample_area, to_bytes


@given(st.data(), *[st.integers(1, 12)] * 4)
def test_resample_area_is_the_slow_average(
    data: Any, rows: int, columns: int, height: int, width: int
) -> None:
    cell = st.floats(-200.0, 0.0, width=32)
    cells = data.draw(st.lists(cell, min_size=rows * columns, max_size=rows * columns))
    picture = np.array(cells, np.float32).reshape(rows, columns)
    resampled = resample_area(picture, height, width)
    assert resampled.dtype == np.float32
    np.testing.assert_allclose(resampled, slow_area_average(picture, height, width), atol=1e-3)


def test_resample_area_is_pillows_box_where_cells_are_whole() -> None:
    picture = np.random.default_rng(0).normal(-60.0, 20.0, (128, 96)).astype(np.float32)
    boxed = Image.fromarray(picture).resize((24, 32), Image.Resampling.BOX)
    resampled = resample_area(picture, 32, 24)
    np.testing.assert_allclose(resampled, np.asarray(boxed), atol=1e-3)


def test_each_picture_is_coloured_over_its_own_range() -> None:
    pictures = np.random.default_rng(0).normal(-60.0, [[[20.0]], [[1.0]]], (2, 9, 8))
    drawn = draw(pictures.astype(np.float32), "magma")
    for picture, coloured in zip(pictures, drawn, strict=True):
        assert_colours_show(coloured, Normalize()(picture), "magma")


@pytest.mark.parametrize("ripple", [0.0, 1e-4])
def test_a_flat_picture_has_the_first_colour(ripple: float) -> None:
    picture = np.full((1, 4, 4), -100.0, np.float32)
    picture[0, 0] += np.float32(ripple)
    assert (draw(picture, "viridis") == colormaps["viridis"](0, bytes=True)[:3]).all()


def test_bytes_are_rounded_and_clipped() -> None:
    scaled = np.array([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 2.0])
    assert to_bytes(scaled).tolist() == [0, 0, 0, 1, 255, 255]
