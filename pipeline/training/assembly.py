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


def statistics(rows: Rows, index: Array, *, by_value: bool = False) -> tuple[Array, Array]:
    """Mean and variance in the rows `index`, with a few rows in memory at a time.

    Parameters
    ----------
    by_value : bool
        Whether each value of a row, as of a vector, has a mean and a variance of its own; otherwise
        all values of all rows share one.

    Returns
    -------
    mean, variance : float64 array, shape (values,) or ()
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
        return mean, np.maximum(squares / count - mean**2, 1e-12)


def assemble(
    shape: tuple[int, ...],
    description: Description,
    params: FitParams,
    mean: Array | float,
    variance: Array | float,
    precision: str,
) -> keras.Model:
    """Assemble an uncompiled model: feature rows -> normalised -> network -> probabilities."""
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
