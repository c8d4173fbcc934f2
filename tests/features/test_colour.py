"""The feature `colour` beside matplotlib's `specgram`."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import Normalize
from signals import (
    PURE,
    SAMPLE_RATE,
    SIGNALS,
    SILENCE,
    assert_colours_show,
    every_impure_signal,
    in_db,
    matplotlib_density,
    row_of,
    slow_area_average,
)

from pipeline.features.colour import Colour

COLOUR = Colour(256, 128, 64, 64, -200.0, "viridis")
# Rounding errors fill the gaps between pure tones, down to the emptiest bin, which sets the scale
# of the colours: these are off by so many bytes on average.
PURE_BYTES = 2.0


@every_impure_signal
@pytest.mark.parametrize(
    ("n_fft", "hop_length", "size"), [(256, 128, ()), (255, 100, ()), (256, 128, (64, 64))]
)
def test_it_is_matplotlibs_specgram_of_native_size_or_averaged(
    name: str, n_fft: int, hop_length: int, size: tuple[int, ...]
) -> None:
    db = in_db(matplotlib_density(SIGNALS[name], n_fft, hop_length), -200.0)
    height, width = size or db.shape
    scaled = Normalize()(slow_area_average(db, height, width) if size else db)
    colour = Colour(n_fft, hop_length, height, width, -200.0, "viridis")
    assert_colours_show(row_of(colour, SIGNALS[name]), scaled, "viridis")


@pytest.mark.parametrize("name", PURE)
def test_pure_tones_are_close(name: str) -> None:
    db = in_db(matplotlib_density(SIGNALS[name], 256, 128), -200.0)
    scaled = Normalize()(slow_area_average(db, 64, 64))
    drawn = colormaps["viridis"](scaled, bytes=True)[..., :3]
    difference = row_of(COLOUR, SIGNALS[name]).astype(int) - drawn
    assert np.abs(difference).mean() < PURE_BYTES


@pytest.mark.parametrize("min_db", [-300.0, 300.0])
def test_the_lowest_and_the_highest_floor_can_be_drawn(min_db: float) -> None:
    colour = replace(COLOUR, min_db=min_db)
    silence = colour(SILENCE, SAMPLE_RATE)
    assert (silence == colormaps["viridis"](0, bytes=True)[:3]).all()
    noise = row_of(colour, SIGNALS["noise"])
    assert (noise == silence).all() == (min_db > 0)
