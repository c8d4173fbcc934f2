"""Affine transformations of pictures, by OpenCV."""

import cv2
import numpy as np

from pipeline.base.arrays import Array

cv2.setNumThreads(1)  # tracks and folds run in parallel, not the work on one picture
# Beyond its edge a picture is continued by its reflection, as by Keras' fill_mode="reflect":
# d c b a | a b c d | d c b a.
EDGE = cv2.BORDER_REFLECT


def warp(picture: Array, matrix: list[list[float]], point: tuple[float, float]) -> Array:
    """Transform a picture about a point, with bilinear interpolation.

    Parameters
    ----------
    picture : float32 array, shape (height, width, channels)
    matrix : list of list of float, shape (2, 2)
        The cell at p = (x, y) takes the value at `matrix` @ (p - point) + point.
    point : (float, float)
        As shares of width and height: 0 and 1 are the centres of the outermost cells.
    """
    height, width, _ = picture.shape
    (a, b), (c, d) = matrix
    x, y = point[0] * (width - 1), point[1] * (height - 1)
    affine = np.array([[a, b, x - a * x - b * y], [c, d, y - c * x - d * y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, affine, (width, height), flags=flags, borderMode=EDGE)
    return warped.reshape(picture.shape)
