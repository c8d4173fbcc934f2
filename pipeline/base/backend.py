"""Import Keras without the start-up messages of its backend, and have it share a GPU.

The environment variable KERAS_BACKEND chooses the backend. What a user's own `keras.json` says has
no part in a result, whose address would not know of it.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

for name, value in {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Several processes may share one GPU: take its memory only as it is needed.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "KERAS_BACKEND": "tensorflow",
}.items():
    os.environ.setdefault(name, value)
# By default TensorFlow computes with oneDNN only on processors with the newest instructions. On
# others, a training step takes up to twice as long without. It is no choice of the user's, as the
# last bits of a result follow from it.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to stderr; TensorFlow offers no switch for it."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _quiet_stderr():
    try:
        import keras
    except (ImportError, ValueError) as error:
        backend = os.environ["KERAS_BACKEND"]
        sys.exit(f"error: Keras does not start with the backend {backend!r}: {error}")

keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of tracing each fold anew

__all__ = ["keras"]
