"""Assemble a model: normalisation by statistics of the training part, then the network."""

import numpy as np

from pipeline.base.arrays import Array, Rows
from pipeline.training.networks import build_network
from pipeline.training.params import FitParams
from pipeline.training.saved import Description
from pipeline.training.seeds import seeded
from pipeline.training.startup import keras

POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


def statistics(rows: Rows, index: Array) -> tuple[float, float]:
    """Mean and variance of all values in the rows `index`, with a few rows in memory at a time."""
    count, total, squares = 0, 0.0, 0.0
    for part in np.array_split(index, len(index) // 256 + 1):
        block = rows[part].astype(np.float64)
        count += block.size
        total += float(block.sum())
        squares += float((block**2).sum())
    mean = total / count
    return mean, max(squares / count - mean**2, 1e-12)


def assemble(
    shape: tuple[int, ...],
    description: Description,
    params: FitParams,
    mean: float,
    variance: float,
    precision: str,
) -> keras.Model:
    """Assemble an uncompiled model: feature rows -> normalised -> network -> probabilities."""
    keras.config.set_dtype_policy(POLICIES[precision])
    built = build_network(description.model, shape, len(description.genres), params)
    network = seeded(built, description.training["seed"])
    normalise = keras.layers.Normalization(
        axis=None, mean=mean, variance=variance, dtype="float32", name="normalise"
    )
    return keras.Sequential([keras.Input(shape), normalise, network], name="genre_model")
