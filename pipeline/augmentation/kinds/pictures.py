"""Augmentations of a feature's row seen as a picture, in the row's own values.

`apply` takes and returns float32 of shape (height, width, channels): frequency up, time across.
Cells that come from outside the picture are its reflection, as in Keras' random layers.
"""

import math
from typing import Annotated, ClassVar

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.augmentation.base import ActsOn, Augmentation, Needs, State
from pipeline.base.arrays import Array
from pipeline.base.fields import STRICT

Factor = Annotated[float, Field(gt=1, le=4)]
Portion = Annotated[float, Field(gt=0, le=0.9)]

cv2.setNumThreads(1)  # tracks and folds are what runs side by side
# Towards the picture's edge as Keras' fill_mode="reflect": d c b a | a b c d | d c b a.
EDGE = cv2.BORDER_REFLECT


@dataclass(frozen=True, config=STRICT)
class Mirror(Augmentation):
    """Time runs backwards."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "any feature"

    def draw(self, rng: np.random.Generator) -> State:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:  # noqa: ARG004
        """The frames in reverse."""
        return picture[:, ::-1]


@dataclass(frozen=True, config=STRICT)
class Flip(Augmentation):
    """High frequencies become low ones."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "picture"

    def draw(self, rng: np.random.Generator) -> State:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:  # noqa: ARG004
        """The bands in reverse."""
        return picture[::-1]


@dataclass(frozen=True, config=STRICT)
class Rotate(Augmentation):
    """Rotation about the centre by up to `degrees` either way, bilinear."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "picture"

    degrees: Annotated[float, Field(gt=0, le=180)]

    def draw(self, rng: np.random.Generator) -> State:
        """Degrees, evenly between the two extremes."""
        return {"degrees": rng.uniform(-self.degrees, self.degrees)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """`scipy.ndimage.rotate(order=1, reshape=False, mode="reflect")`."""
        angle = math.radians(state["degrees"])
        cos, sin = math.cos(angle), math.sin(angle)
        return _warp(picture, [[cos, -sin], [sin, cos]], (0.5, 0.5))


@dataclass(frozen=True, config=STRICT)
class Stretch(Augmentation):
    """The picture becomes up to `factor` times as wide or as narrow, about its centre."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "any feature"

    factor: Factor

    def draw(self, rng: np.random.Generator) -> State:
        """A factor, as often above 1 as below."""
        return {"factor": self.factor ** rng.uniform(-1, 1)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Linear interpolation between frames."""
        return _warp(picture, [[1 / state["factor"], 0], [0, 1]], (0.5, 0.5))


@dataclass(frozen=True, config=STRICT)
class Zoom(Augmentation):
    """A part of the picture, up to `factor` times as large."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "picture"

    factor: Factor

    def draw(self, rng: np.random.Generator) -> State:
        """A factor of at least 1, and the point that stays, as shares of width and height."""
        return {
            "factor": self.factor ** rng.uniform(0, 1),
            "x": rng.uniform(0, 1),
            "y": rng.uniform(0, 1),
        }

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Bilinear interpolation."""
        scale = 1 / state["factor"]
        return _warp(picture, [[scale, 0], [0, scale]], (state["x"], state["y"]))


@dataclass(frozen=True, config=STRICT)
class Blur(Augmentation):
    """Gaussian blur of a standard deviation of up to `sigma` cells."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "any feature"

    sigma: Annotated[float, Field(ge=0.5, le=20)]

    def draw(self, rng: np.random.Generator) -> State:
        """A standard deviation of at least 0.3: below, a neighbour weighs less than 0.4 %."""
        return {"sigma": rng.uniform(0.3, self.sigma)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """`scipy.ndimage.gaussian_filter(mode="reflect", truncate=4)`."""
        sigma = state["sigma"]
        size = 1 + 2 * int(4 * sigma + 0.5)
        blurred = cv2.GaussianBlur(picture, (size, size), sigma, borderType=EDGE)
        return blurred.reshape(picture.shape)


@dataclass(frozen=True, config=STRICT)
class TimeMask(Augmentation):
    """A stretch of time, up to the share `width` of it, is hidden.

    Park et al., "SpecAugment" (2019): a width evenly from 0 to the most, then a start evenly
    where it fits. What is hidden gets the picture's mean.
    """

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "any feature"

    width: Portion

    def draw(self, rng: np.random.Generator) -> State:
        """Width and start, as shares of the whole."""
        return _draw_mask(self.width, rng)

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """At least one frame is hidden."""
        masked = picture.copy()
        masked[:, _masked(state, picture.shape[1])] = picture.mean(axis=(0, 1))
        return masked


@dataclass(frozen=True, config=STRICT)
class FrequencyMask(Augmentation):
    """Neighbouring bands, up to the share `width` of all, are hidden; see `TimeMask`."""

    acts_on: ClassVar[ActsOn] = "picture"
    needs: ClassVar[Needs] = "picture"

    width: Portion

    def draw(self, rng: np.random.Generator) -> State:
        """Width and start, as shares of the whole."""
        return _draw_mask(self.width, rng)

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """At least one band is hidden."""
        masked = picture.copy()
        masked[_masked(state, picture.shape[0])] = picture.mean(axis=(0, 1))
        return masked


def _warp(picture: Array, matrix: list[list[float]], point: tuple[float, float]) -> Array:
    """The cell at p takes what is at `matrix` @ (p - point) + point; p is (x, y), bilinear.

    `point` is in shares of width and height, 0 and 1 being the outermost cells' centres.
    """
    height, width, _ = picture.shape
    (a, b), (c, d) = matrix
    x, y = point[0] * (width - 1), point[1] * (height - 1)
    affine = np.array([[a, b, x - a * x - b * y], [c, d, y - c * x - d * y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, affine, (width, height), flags=flags, borderMode=EDGE)
    return warped.reshape(picture.shape)


def _draw_mask(most: float, rng: np.random.Generator) -> State:
    width = rng.uniform(0, most)
    return {"width": width, "start": rng.uniform(0, 1 - width)}


def _masked(state: State, cells: int) -> slice:
    start = int(state["start"] * cells)
    return slice(start, start + max(1, round(state["width"] * cells)))
