"""Give every random part of a network a seed of its own, so that none comes from global state.

Keras draws missing seeds from Python's own generator, which any thread of the process may advance.
"""

import itertools
import json
from typing import Any

import numpy as np

from pipeline.training.startup import keras


def seeded(network: keras.Model, seed: int) -> keras.Model:
    """Build `network` anew, so that its initial weights and dropout follow from `seed`."""
    numbers = itertools.count()

    def fill(item: dict[str, Any]) -> dict[str, Any]:
        if item.get("seed", 0) is None:
            state = np.random.SeedSequence([seed, next(numbers)]).generate_state(1)
            item["seed"] = int(state[0] >> 1)
        return item

    return keras.models.model_from_json(json.dumps(json.loads(network.to_json(), object_hook=fill)))
