"""The feature `grey` beside SciPy's spectrogram."""

from dataclasses import replace

import numpy as np
import pytest
from signals import (
    SAMPLE_RATE,
    SAMPLES,
    SIGNALS,
    SILENCE,
    every_signal,
    in_db,
    row_of,
    scipy_density,
    slow_area_average,
)

from pipeline.base.errors import ParamsError
from pipeline.features.grey import Grey

# Half a step of uint8, and what float32 spectra add to it.
STEPS = 0.52


def grey(height: int = 64, width: int = 64, min_db: float = -120.0) -> Grey:
    return Grey(512, 256, height, width, min_db, -20.0)


@every_signal
@pytest.mark.parametrize(("height", "width"), [(64, 64), (257, 85), (129, 17), (300, 100)])
def test_it_is_scipys_spectrogram_averaged(name: str, height: int, width: int) -> None:
    picture = row_of(grey(height, width), SIGNALS[name])[..., 0]
    db = in_db(scipy_density(SIGNALS[name], 512, 256), -120.0)
    scaled = np.clip((slow_area_average(db, height, width) + 120.0) / 100.0, 0.0, 1.0) * 255.0
    assert np.abs(picture - scaled).max() <= STEPS


def test_the_widest_range_of_levels_can_be_drawn() -> None:
    widest = replace(grey(), min_db=-300.0, max_db=300.0)
    assert not widest(SILENCE, SAMPLE_RATE).any()
    assert row_of(widest, SIGNALS["noise"]).any()


def test_black_has_to_be_below_white() -> None:
    grey().check("extract.grey", SAMPLES, SAMPLE_RATE)
    with pytest.raises(
        ParamsError, match=r"^extract\.grey\.max_db = -20\.0: should be above min_db \(-20\.0\)$"
    ):
        grey(min_db=-20.0).check("extract.grey", SAMPLES, SAMPLE_RATE)
