"""Random numbers that follow from a seed and from what they are for."""

import hashlib

import numpy as np


def generator(seed: int, *name: str) -> np.random.Generator:
    """A generator for what is called `name`, such as a sample's track and clip."""
    words = hashlib.sha256(repr(name).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(words, np.uint32).tolist()])
