"""The kinds of augmentation that act on pictures."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy import ndimage

from pipeline.augmentation.kind import Augmentation, State
from pipeline.base.types import STRICT, Array

# Beyond its edge a picture is continued by its reflection, as by Keras' fill_mode="reflect":
# d c b a | a b c d | d c b a.
EDGE = "reflect"
WEAKEST = 0.3  # cells; below this standard deviation, a neighbour weighs less than 0.4 %

Width = Annotated[float, Field(gt=0, le=0.9)]


@dataclass(frozen=True, config=STRICT)
class Mirror(Augmentation):
    """Time runs backwards."""

    acts_on = "picture"
    needs = "any feature"

    @staticmethod
    def apply(picture: Array, state: State) -> Array:  # noqa: ARG004
        """The frames in reverse order."""
        return picture[:, ::-1]


@dataclass(frozen=True, config=STRICT)
class Flip(Augmentation):
    """High frequencies become low ones."""

    acts_on = "picture"
    needs = "picture"

    @staticmethod
    def apply(picture: Array, state: State) -> Array:  # noqa: ARG004
        """The bands in reverse order."""
        return picture[::-1]


@dataclass(frozen=True, config=STRICT)
class Rotate(Augmentation):
    """Rotation about the centre by up to `degrees` either way."""

    acts_on = "picture"
    needs = "picture"

    degrees: Annotated[float, Field(gt=0, le=180)]

    def draw(self, rng: np.random.Generator) -> State:
        """An angle in degrees, evenly between the two extremes."""
        return {"degrees": rng.uniform(-self.degrees, self.degrees)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Bilinear interpolation."""
        return ndimage.rotate(picture, state["degrees"], reshape=False, order=1, mode=EDGE)


@dataclass(frozen=True, config=STRICT)
class Stretch(Augmentation):
    """The picture becomes up to `factor` times as wide or as narrow, about its centre."""

    acts_on = "picture"
    needs = "any feature"

    factor: Annotated[float, Field(gt=1, le=4)]

    def draw(self, rng: np.random.Generator) -> State:
        """A factor, as often above 1 as below."""
        return {"factor": self.factor ** rng.uniform(-1, 1)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Linear interpolation between frames."""
        return enlarge(picture, 1, state["factor"], 0.5)


@dataclass(frozen=True, config=STRICT)
class Zoom(Augmentation):
    """A part of the picture, enlarged up to `factor` times."""

    acts_on = "picture"
    needs = "picture"

    factor: Annotated[float, Field(gt=1, le=4)]

    def draw(self, rng: np.random.Generator) -> State:
        """A factor of at least 1, and the point that stays in place, as shares of the picture."""
        return {
            "factor": self.factor ** rng.uniform(0, 1),
            "x": rng.uniform(0, 1),
            "y": rng.uniform(0, 1),
        }

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Bilinear interpolation."""
        wide = enlarge(picture, 1, state["factor"], state["x"])
        return enlarge(wide, 0, state["factor"], state["y"])


@dataclass(frozen=True, config=STRICT)
class Blur(Augmentation):
    """Gaussian blur with a standard deviation of up to `sigma` cells."""

    acts_on = "picture"
    needs = "any feature"

    sigma: Annotated[float, Field(ge=0.5, le=20)]

    def draw(self, rng: np.random.Generator) -> State:
        """A standard deviation in cells, of at least `WEAKEST`."""
        return {"sigma": rng.uniform(WEAKEST, self.sigma)}

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """Each channel by itself, up to four standard deviations away."""
        return ndimage.gaussian_filter(picture, state["sigma"], mode=EDGE, truncate=4, axes=(0, 1))


@dataclass(frozen=True, config=STRICT)
class TimeMask(Augmentation):
    """A stretch of time, up to the share `width` of the clip, is hidden."""

    acts_on = "picture"
    needs = "any feature"

    width: Width

    def draw(self, rng: np.random.Generator) -> State:
        """Width and start, as shares of the clip."""
        return draw_mask(self.width, rng)

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """At least one frame takes the picture's mean."""
        masked = picture.copy()
        masked[:, masked_cells(state, picture.shape[1])] = picture.mean(axis=(0, 1))
        return masked


@dataclass(frozen=True, config=STRICT)
class FrequencyMask(Augmentation):
    """Neighbouring bands, up to the share `width` of all, are hidden."""

    acts_on = "picture"
    needs = "picture"

    width: Width

    def draw(self, rng: np.random.Generator) -> State:
        """Width and start, as shares of all bands."""
        return draw_mask(self.width, rng)

    @staticmethod
    def apply(picture: Array, state: State) -> Array:
        """At least one band takes the picture's mean."""
        masked = picture.copy()
        masked[masked_cells(state, picture.shape[0])] = picture.mean(axis=(0, 1))
        return masked


def enlarge(picture: Array, axis: int, factor: float, point: float) -> Array:
    """Enlarge a picture along one axis, with linear interpolation.

    As `scipy.ndimage.affine_transform(order=1, mode="reflect")`, in a fraction of its time.

    Parameters
    ----------
    picture : float32 array, shape (height, width, channels)
    axis : int
        0 for the height, 1 for the width.
    factor : float
    point : float
        What stays in its place, as a share of the axis: 0 and 1 are the centres of the outermost
        cells.
    """
    cells = np.arange(picture.shape[axis])
    fixed = point * cells[-1]
    places = fixed + (cells - fixed) / factor
    before = np.floor(places).astype(int)
    share = (places - before).astype(np.float32).reshape(-1, *[1] * (2 - axis))
    reflected = np.concatenate([cells, cells[::-1]])  # and again and again
    first, second = (
        picture.take(reflected.take(each, mode="wrap"), axis) for each in (before, before + 1)
    )
    return first + share * (second - first)


def draw_mask(largest: float, rng: np.random.Generator) -> State:
    """Width and start of a mask, as shares of the whole."""
    width = rng.uniform(0, largest)
    return {"width": width, "start": rng.uniform(0, 1 - width)}


def masked_cells(state: State, cells: int) -> slice:
    """The cells that a mask hides, of so many `cells` in a row: at least one."""
    start = int(state["start"] * cells)
    return slice(start, start + max(1, round(state["width"] * cells)))
