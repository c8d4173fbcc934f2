"""Kinds that act on pictures, beside scipy's image processing and naive loops."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from pipeline.augmentation.kind import State
from pipeline.augmentation.pictures import (
    Blur,
    Flip,
    FrequencyMask,
    Mirror,
    Rotate,
    Stretch,
    TimeMask,
    Zoom,
)
from pipeline.base.types import Array

# A row without frequencies comes as (1, frames, 1).
SHAPES = [(64, 65, 1), (37, 50, 3), (128, 130, 1), (5, 4, 1), (1, 130, 1), (9, 1, 3)]
SHAPES += [(20, 30, 2), (20, 30, 6)]  # a feature of one's own may have any number of channels

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def picture_of(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


def by_channel(work: Any, picture: Array) -> Array:
    """The result of `work` on each channel in float64."""
    channels = np.moveaxis(picture.astype(np.float64), -1, 0)
    return np.stack([work(channel) for channel in channels], axis=-1)


def affine(picture: Array, scale: tuple[float, float], point: tuple[float, float]) -> Array:
    """scipy's transformation in (rows, columns), which leaves the cell `point` in its place."""
    offset = [where - where * by for where, by in zip(point, scale, strict=True)]

    def work(channel: Array) -> Array:
        return ndimage.affine_transform(channel, scale, offset, order=1, mode="reflect")

    return by_channel(work, picture)


def rotated(picture: Array, state: State) -> Array:
    options = {"reshape": False, "order": 1, "mode": "reflect"}
    return by_channel(lambda x: ndimage.rotate(x, state["degrees"], **options), picture)


def stretched(picture: Array, state: State) -> Array:
    middle = ((picture.shape[0] - 1) / 2, (picture.shape[1] - 1) / 2)
    return affine(picture, (1, 1 / state["factor"]), middle)


def zoomed(picture: Array, state: State) -> Array:
    point = (state["y"] * (picture.shape[0] - 1), state["x"] * (picture.shape[1] - 1))
    return affine(picture, (1 / state["factor"], 1 / state["factor"]), point)


def blurred(picture: Array, state: State) -> Array:
    return by_channel(lambda x: ndimage.gaussian_filter(x, state["sigma"]), picture)


@every_shape
@pytest.mark.parametrize(
    ("kind", "slow", "states"),
    [
        (Rotate, rotated, [{"degrees": d} for d in (-5.0, 0.01, 4.3, 90.0, 170.0)]),
        (Stretch, stretched, [{"factor": f} for f in (0.3, 0.8, 1.001, 1.25, 4.0)]),
        (
            Zoom,
            zoomed,
            [
                {"factor": factor, "x": x, "y": y}
                for factor, x, y in [
                    (1.25, 0.0, 0.0),
                    (1.1, 1.0, 0.3),
                    (2.0, 0.21, 0.99),
                    (4.0, 0.5, 0.5),
                ]
            ],
        ),
        (Blur, blurred, [{"sigma": s} for s in (0.1, 0.3, 0.7, 1.0, 5.0, 20.0)]),
    ],
)
def test_kinds_are_scipys(
    shape: tuple[int, ...], kind: Any, slow: Any, states: list[State]
) -> None:
    picture = picture_of(shape)
    for state in states:
        changed = kind.apply(picture, state)
        assert changed.dtype == np.float32
        np.testing.assert_allclose(changed, slow(picture, state), atol=1e-6)


def test_weakest_blur_still_changes_a_spectrogram() -> None:
    """By more than half a step of a grey picture, 0.2 dB, where neighbours are 50 dB apart."""
    line = np.full((9, 9, 1), -50, np.float32)
    line[4] = 0
    weakest = min(Blur(1.0).draw(np.random.default_rng(seed))["sigma"] for seed in range(200))
    assert np.abs(Blur.apply(line, {"sigma": weakest}) - line).max() > 0.2


@every_shape
def test_mirror_and_flip_are_numpys(shape: tuple[int, ...]) -> None:
    picture = picture_of(shape)
    np.testing.assert_array_equal(Mirror.apply(picture, {}), np.fliplr(picture))
    np.testing.assert_array_equal(Flip.apply(picture, {}), np.flipud(picture))


def naive_mask(picture: Array, axis: int, state: State) -> Array:
    """Cell by cell, with the mean of each channel."""
    cells = picture.shape[axis]
    first, count = int(state["start"] * cells), max(1, round(state["width"] * cells))
    masked = picture.copy()
    for place in np.ndindex(*picture.shape):
        if first <= place[axis] < first + count:
            masked[place] = np.mean(picture[..., place[2]], dtype=np.float64)
    return masked


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if np.prod(shape) < 6000], ids=str)
@pytest.mark.parametrize(("kind", "axis"), [(TimeMask(0.6), 1), (FrequencyMask(0.6), 0)])
@pytest.mark.parametrize("seed", range(5))
def test_masks_are_the_naive_ones(
    shape: tuple[int, ...], kind: TimeMask | FrequencyMask, axis: int, seed: int
) -> None:
    picture, state = picture_of(shape), kind.draw(np.random.default_rng(seed))
    expected = naive_mask(picture, axis, state)
    np.testing.assert_allclose(kind.apply(picture, state), expected, atol=1e-6)


@given(st.floats(0, 0.9), st.floats(0, 1), st.integers(1, 5000))
def test_mask_is_inside_and_as_wide_as_drawn(width: float, share: float, cells: int) -> None:
    state = {"width": width, "start": min(share * (1 - width), np.nextafter(1, 0))}
    frames = np.arange(1.0, cells + 1, dtype=np.float32).reshape(1, -1, 1)
    frames[0, 0] = 1e9  # so that only masked frames have the mean
    hidden = np.flatnonzero(TimeMask.apply(frames, state)[0, :, 0] == frames.mean())
    assert len(hidden) == max(1, round(state["width"] * cells))
    assert (np.diff(hidden) == 1).all()
