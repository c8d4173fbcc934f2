"""Assemble a model: normalisation by statistics of the training part, then the network."""

import numpy as np

from pipeline.base.arrays import Array, Rows
from pipeline.base.backend import keras
from pipeline.training.networks import build_network
from pipeline.training.params import FitParams
from pipeline.training.saved import Description
from pipeline.training.seeds import seeded

POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}
# Smallest standard deviation of what is not constant, relative to the mean where that exceeds 1.
SMALLEST_SPREAD = 1e-6


def statistics(rows: Rows, index: Array, *, by_value: bool = False) -> tuple[Array, Array]:
    """Mean and variance in the rows `index`, with a few rows in memory at a time.

    What is constant in these rows has a variance of 1, so that it is centred but not scaled: a
    network never learned what to make of it, and must not see it blown up elsewhere.

    Parameters
    ----------
    rows : array, shape (n, ...)
        Any numeric dtype.
    index : int array, shape (m,)
    by_value : bool
        Whether each value of a row, as of a vector, has a mean and a variance of its own; otherwise
        all values of all rows share one.

    Returns
    -------
    mean, variance : float64 array, shape (values,) or ()
        Not finite where the rows are not.
    """
    axis = 0 if by_value else None
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for part in np.array_split(index, len(index) // 256 + 1):
        block = rows[part].astype(np.float64)
        count += len(block) if by_value else block.size
        total = total + block.sum(axis=axis)
        squares = squares + (block**2).sum(axis=axis)
    mean = total / count
    with np.errstate(invalid="ignore"):  # of infinite rows, which the caller refuses
        variance = squares / count - mean**2
        constant = variance <= (SMALLEST_SPREAD * np.maximum(1, np.abs(mean))) ** 2
    return mean, np.where(constant, 1.0, variance)


def assemble(
    shape: tuple[int, ...],
    description: Description,
    params: FitParams,
    mean: Array | float,
    variance: Array | float,
    precision: str,
) -> keras.Model:
    """Assemble an uncompiled model: feature rows -> normalised -> network -> probabilities.

    Parameters
    ----------
    shape : tuple of int
        Of a feature row.
    description : Description
        Names the network and the genres, and has the seed of the weights.
    params : FitParams
        Of the network.
    mean, variance : float or float64 array of shape (values,)
        As `statistics` gives them.
    precision : str
        A key of POLICIES. Normalisation and probabilities are float32 all the same.
    """
    keras.config.set_dtype_policy(POLICIES[precision])
    built = build_network(description.model, shape, len(description.genres), params)
    network = seeded(built, description.training["seed"])
    normalise = keras.layers.Normalization(
        axis=-1 if np.ndim(mean) else None,
        mean=mean,
        variance=variance,
        dtype="float32",
        name="normalise",
    )
    return keras.Sequential([keras.Input(shape), normalise, network], name="genre_model")
