"""The base classes of features: what a subclass inherits, and what it has to define."""

from dataclasses import asdict

import numpy as np
import pytest
from pydantic.dataclasses import dataclass
from signals import SAMPLE_RATE, SAMPLES

from pipeline.base.errors import ParamsError
from pipeline.base.params import parse
from pipeline.base.types import STRICT, Array, Count
from pipeline.features.centroid import Centroid
from pipeline.features.shared.feature import ExtractFeature, Feature


@dataclass(frozen=True, config=STRICT)
class Peaks(Feature):
    """The largest magnitudes of a clip: a vector, computed without spectra."""

    unit = "full scale"

    count: Count

    def __call__(self, clips: Array, sample_rate: int) -> Array:  # noqa: ARG002
        """Return float32, shape (n, count)."""
        return np.sort(np.abs(clips), axis=1)[:, : -self.count - 1 : -1].astype(np.float32)


@dataclass(frozen=True, config=STRICT)
class Nameless(Feature):
    """A feature that does not say which unit it has."""

    def __call__(self, clips: Array, sample_rate: int) -> Array:  # noqa: ARG002
        """Return the clips."""
        return clips


def test_a_feature_needs_neither_spectra_nor_checks() -> None:
    feature = parse(Peaks, {"count": 3}, "extract.peaks")
    feature.check("extract.peaks", SAMPLES, SAMPLE_RATE)
    template = feature.template(SAMPLES, SAMPLE_RATE)
    assert (template.shape, template.dtype.name) == ((0, 3), "float32")
    assert feature.steps_per_db is None
    assert asdict(feature) == {"count": 3}
    result = ExtractFeature(feature, SAMPLE_RATE)(np.array([[3, -9, 1, 4]], np.int16))
    assert result.rows is not None
    np.testing.assert_array_equal(result.rows * 32768, [[9, 4, 3]])


def test_a_feature_has_to_have_a_unit() -> None:
    with pytest.raises(TypeError, match="unit"):
        Nameless()  # type: ignore[abstract]


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(ParamsError, match=r"^extract\.peaks\.count = 0: should be greater than or"):
        parse(Peaks, {"count": 0}, "extract.peaks")


def test_a_frame_has_to_fit_into_a_clip() -> None:
    Centroid(16_384, 512).check("extract.centroid", 16_384, SAMPLE_RATE)
    with pytest.raises(
        ParamsError,
        match=r"^extract\.centroid\.n_fft = 16384: should be at most a clip's 16383 samples$",
    ):
        Centroid(16_384, 512).check("extract.centroid", 16_383, SAMPLE_RATE)


def test_the_spectra_of_a_clip_have_to_fit_into_memory() -> None:
    samples = 10 * 192_000
    Centroid(16_384, 235).check("extract.centroid", samples, 192_000)
    with pytest.raises(
        ParamsError,
        match=r"^extract\.centroid\.hop_length = 234: should be at least 235 for clips of 1920000 "
        r"samples and n_fft = 16384; a smaller hop would need too much memory$",
    ):
        Centroid(16_384, 234).check("extract.centroid", samples, 192_000)
