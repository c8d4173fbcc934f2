"""The feature `colour` beside matplotlib's `specgram`."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
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
@pytest.mark.parametrize(("n_fft", "hop_length"), [(256, 128), (255, 100)])
def test_at_native_size_it_is_matplotlibs_specgram(name: str, n_fft: int, hop_length: int) -> None:
    db = in_db(matplotlib_density(SIGNALS[name], n_fft, hop_length), -200.0)
    bins, frames = db.shape
    colour = Colour(n_fft, hop_length, bins, frames, -200.0, "viridis")
    assert_colours_show(row_of(colour, SIGNALS[name]), Normalize()(db), "viridis")


@pytest.mark.parametrize("name", ["noise", "hissing chirp"])
def test_it_is_what_axes_specgram_draws(name: str) -> None:
    clip = SIGNALS[name].astype(np.float64)
    density, _, _, image = (
        Figure().subplots().specgram(clip, NFFT=256, Fs=SAMPLE_RATE, noverlap=128)
    )
    scaled = np.asarray(Normalize()(np.asarray(image.get_array())))[::-1]  # it begins at the top
    bins, frames = density.shape
    picture = row_of(Colour(256, 128, bins, frames, -200.0, "magma"), SIGNALS[name])
    assert_colours_show(picture, scaled, "magma")


@every_impure_signal
def test_it_draws_the_average(name: str) -> None:
    db = in_db(matplotlib_density(SIGNALS[name], 256, 128), -200.0)
    scaled = Normalize()(slow_area_average(db, 64, 64))
    assert_colours_show(row_of(COLOUR, SIGNALS[name]), scaled, "viridis")


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
