"""What every feature has to fulfil; a new one is tested here without writing a test."""

import json
import pickle
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from documents import base_document
from signals import BATCH, SAMPLE_RATE, SAMPLES, SILENCE

from pipeline.base.errors import ParamsError
from pipeline.base.types import Array
from pipeline.features.shared.feature import (
    Feature,
    SpectralFeature,
    described_feature,
    feature_class,
    feature_names,
    read_feature,
)

DTYPES = ("float16", "float32", "uint8")
SQUARE = np.where(np.arange(SAMPLES) // 50 % 2, 1.0, -1.0).astype(np.float32)
CONSTANT = np.ones(SAMPLES, np.float32)

every_feature = pytest.mark.parametrize("name", feature_names())


@cache
def feature_of(name: str) -> Feature:
    """The feature with the parameters that tests start from, or with its fields' examples."""
    return read_feature(name, base_document())


@cache
def rows_of(name: str) -> Array:
    """Rows of BATCH, computed once."""
    rows = feature_of(name)(BATCH, SAMPLE_RATE)
    rows.flags.writeable = False
    return rows


@every_feature
def test_it_says_what_it_is(name: str) -> None:
    cls = feature_class(name)
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}("), "a dataclass's own list of fields"
    assert cls.__module__.endswith(f".{name}")
    assert feature_of(name).unit
    steps = feature_of(name).steps_per_db
    assert steps is None or 0 < steps < np.inf
    feature_of(name).check(f"extract.{name}", SAMPLES, SAMPLE_RATE)


@pytest.mark.parametrize(
    "name", [name for name in feature_names() if isinstance(feature_of(name), SpectralFeature)]
)
def test_a_frame_has_to_fit_into_a_clip(name: str) -> None:
    feature = feature_of(name)
    assert isinstance(feature, SpectralFeature)
    key, n_fft = f"extract.{name}", feature.n_fft
    feature.check(key, n_fft, SAMPLE_RATE)
    expected = rf"^{key}\.n_fft = {n_fft}: should be at most a clip's {n_fft - 1} samples$"
    with pytest.raises(ParamsError, match=expected):
        feature.check(key, n_fft - 1, SAMPLE_RATE)


@every_feature
@pytest.mark.parametrize("length", [SAMPLES, 2 * SAMPLES])
def test_the_template_has_the_shape_and_dtype_of_rows(name: str, length: int) -> None:
    rows = feature_of(name)(np.resize(BATCH[0], (1, length)), SAMPLE_RATE)
    template = feature_of(name).template(length, SAMPLE_RATE)
    assert template.shape == (0, *rows.shape[1:])
    assert template.dtype == rows.dtype


@every_feature
def test_tags_have_a_name_and_a_probability_each(name: str) -> None:
    feature = feature_of(name)
    tags = feature.tags(rows_of(name))
    assert tags.shape == (len(BATCH), len(feature.tag_names))
    assert len(set(feature.tag_names)) == len(feature.tag_names)
    assert ((tags >= 0) & (tags <= 1)).all()


@every_feature
def test_it_computes_one_finite_row_for_each_clip(name: str) -> None:
    assert len(rows_of(name)) == len(BATCH)
    assert 2 <= rows_of(name).ndim <= 4
    assert rows_of(name).dtype in DTYPES
    extremes = feature_of(name)(np.stack([SILENCE[0], SQUARE, CONSTANT]), SAMPLE_RATE)
    for rows in (rows_of(name), extremes):
        assert np.isfinite(rows.astype(np.float64)).all()


@every_feature
def test_a_row_depends_on_its_clip_alone(name: str) -> None:
    """To the last bit, because the cache keeps results track by track."""
    feature = feature_of(name)
    single = [feature(BATCH[i : i + 1], SAMPLE_RATE)[0] for i in reversed(range(len(BATCH)))]
    np.testing.assert_array_equal(rows_of(name), np.stack(single[::-1]))


@every_feature
def test_it_leaves_the_clips_as_they_are_and_tells_them_apart(name: str) -> None:
    clips = BATCH[:2].copy()
    rows = feature_of(name)(clips, SAMPLE_RATE)
    np.testing.assert_array_equal(clips, BATCH[:2])
    assert not np.array_equal(rows[0], rows[1])


@every_feature
def test_equal_instances_compute_equal_rows(name: str) -> None:
    feature = feature_of(name)
    description = json.loads(json.dumps({"name": name, "params": asdict(feature)}))
    for again in (described_feature(description), pickle.loads(pickle.dumps(feature))):
        assert again == feature
        assert again is not None
        assert repr(again) == repr(feature)
        np.testing.assert_array_equal(again(BATCH[:2], SAMPLE_RATE), rows_of(name)[:2])
