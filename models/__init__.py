"""Networks by name; adding one is a file with `build`, a line here, and its parameters' class."""

from collections.abc import Callable
from typing import Any

from models.startup import keras  # before the others, which import Keras by its own name

# isort: split
from models import ann, cnn

MODELS: dict[str, Callable[[tuple[int, ...], int, Any], keras.Model]] = {
    "ann": ann.build,
    "cnn": cnn.build,
}
