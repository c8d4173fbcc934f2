"""Features by name, what a subclass inherits and has to define, and the section `extract`."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from documents import base_document
from matplotlib import colormaps
from signals import BATCH, SAMPLE_RATE, SILENCE

from pipeline.base.errors import ParamsError
from pipeline.features.centroid import Centroid
from pipeline.features.colour import Colour
from pipeline.features.grey import Grey
from pipeline.features.mel import Mel
from pipeline.features.shared.feature import (
    Feature,
    described_feature,
    feature_names,
    parse_extract,
    read_feature,
    strongest_tags,
)

FIRST_COLOUR = colormaps["magma"](0, bytes=True)[:3]
EXTRACT = base_document()["extract"]


def test_spectra_have_to_fit_into_memory() -> None:
    expected = (
        r"^extract\.centroid\.hop_length = 234: should be at least 235 for clips of 1920000 "
        "samples and n_fft = 16384; a smaller hop would need too much memory$"
    )
    Centroid(16_384, 235).check("extract.centroid", 1_920_000, SAMPLE_RATE)
    with pytest.raises(ParamsError, match=expected):
        Centroid(16_384, 234).check("extract.centroid", 1_920_000, SAMPLE_RATE)


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
        ([], r"extract\.features = \[\]: should be a list of "),
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
