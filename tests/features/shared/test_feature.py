"""Features by name, what a subclass inherits and has to define, and the section `extract`."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from documents import base_document
from matplotlib import colormaps
from pydantic.dataclasses import dataclass
from signals import BATCH, SAMPLE_RATE, SAMPLES, SILENCE

from pipeline.base.errors import ParamsError
from pipeline.base.params import parse
from pipeline.base.types import STRICT, Array, Count
from pipeline.features.centroid import Centroid
from pipeline.features.colour import Colour
from pipeline.features.grey import Grey
from pipeline.features.mel import Mel
from pipeline.features.shared.feature import (
    ExtractFeature,
    Feature,
    described_feature,
    feature_names,
    parse_extract,
    read_feature,
    strongest_tags,
)

FIRST_COLOUR = colormaps["magma"](0, bytes=True)[:3]
EXTRACT = base_document()["extract"]


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


@pytest.mark.parametrize(
    ("longest", "too_long", "samples", "message"),
    [
        (
            (16_384, 512),
            (16_384, 512),
            16_384,
            r"n_fft = 16384: should be at most a clip's 16383 samples$",
        ),
        (
            (16_384, 235),
            (16_384, 234),
            1_920_000,
            r"hop_length = 234: should be at least 235 for clips of 1920000 samples and n_fft = "
            "16384; a smaller hop would need too much memory$",
        ),
    ],
    ids=["a frame in a clip", "spectra in memory"],
)
def test_frames_have_to_fit(
    longest: tuple[int, int], too_long: tuple[int, int], samples: int, message: str
) -> None:
    Centroid(*longest).check("extract.centroid", samples, SAMPLE_RATE)
    fewer = samples - (longest == too_long)
    with pytest.raises(ParamsError, match=rf"^extract\.centroid\.{message}"):
        Centroid(*too_long).check("extract.centroid", fewer, SAMPLE_RATE)


@pytest.mark.parametrize(
    ("feature", "shape", "dtype", "silence"),
    [
        (Centroid(2048, 512), (44,), "float16", 0),
        (Grey(512, 256, 32, 48, -120.0, -20.0), (32, 48, 1), "uint8", 0),
        (Colour(256, 128, 32, 48, -200.0, "magma"), (32, 48, 3), "uint8", FIRST_COLOUR),
        (Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 1, "magma"), (64, 22, 1), "float16", -100),
        (Mel(2048, 1024, 64, 0.0, 11_025.0, 80.0, 3, "magma"), (64, 22, 3), "uint8", FIRST_COLOUR),
    ],
    ids=["centroid", "grey", "colour", "mel", "drawn mel"],
)
def test_shape_dtype_and_silence(
    feature: Feature, shape: tuple[int, ...], dtype: str, silence: Any
) -> None:
    rows = feature(BATCH, SAMPLE_RATE)
    assert (rows.shape, rows.dtype.name) == ((len(BATCH), *shape), dtype)
    assert (feature(SILENCE, SAMPLE_RATE) == silence).all()


def test_only_the_listed_features_are_extracted_in_their_order() -> None:
    names = list(feature_names())[::-1][:2]
    features = parse_extract({**EXTRACT, "features": names})
    assert features == {name: read_feature(name, base_document()) for name in names}
    assert list(features) == names


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("mel", r"extract\.features = 'mel': should be a list of "),
        ([], r"extract\.features = \[\]: should be a list of "),
        (["mel", "nosuch"], r"extract\.features\.1 = 'nosuch': should be one of the choices: "),
        ([["mel"]], r"extract\.features\.0 = \['mel'\]: should be one of the choices: "),
        (["mel", "grey", "mel"], r"extract\.features\.2 = 'mel': should be listed once$"),
    ],
    ids=str,
)
def test_the_list_names_features_once_each(features: Any, expected: str) -> None:
    with pytest.raises(ParamsError, match=f"^{expected}"):
        parse_extract({**EXTRACT, "features": features})


def test_features_that_are_not_listed_have_to_be_valid_as_well() -> None:
    section = {**EXTRACT, "features": ["grey"], "mel": {**EXTRACT["mel"], "top_db": 0}}
    with pytest.raises(ParamsError, match=r"^extract\.mel\.top_db = 0: should be greater than 0$"):
        parse_extract(section)


def test_a_store_describes_a_feature_unless_the_user_made_it() -> None:
    mel = read_feature("mel", base_document())
    assert described_feature({"name": "mel", "params": asdict(mel)}) == mel
    for description in ({}, {"name": "mel"}, {"name": "own", "params": asdict(mel)}):
        assert described_feature(description) is None


def test_the_strongest_tags_come_first() -> None:
    probabilities = np.array([[0.9, 0.2, 0.0, 0.5], [0.1, 0.4, 0.1, 0.7]], np.float32)
    tags = strongest_tags(("jazz", "rock", "sad", "80s"), probabilities)
    assert tags == ["80s 60 %", "jazz 50 %", "rock 30 %"]
    assert strongest_tags((), np.empty((4, 0), np.float32)) == []
