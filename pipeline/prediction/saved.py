"""Read a saved model and check it, as it may come from a stranger.

Nothing is unpacked before its size is known, and no more memory is taken than the size of the file
allows for. That no module but Keras is imported, no code in the file is executed, no other file is
opened, and every layer gets weights of its own shape is what Keras sees to in safe mode.
"""

import io
import json
import math
import stat
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from pydantic import TypeAdapter, ValidationError

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.training.trained import MEMBER, Description

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
# The largest that a member may be, in bytes.
LIMITS = {CONFIG: 1 << 22, "metadata.json": 1 << 16, WEIGHTS: 1 << 30, MEMBER: 1 << 20}
WEIGHT_BYTES = 4  # of each weight, as models are saved in float32
LONGEST_REASON = 300  # characters of what a library reports about a damaged file
DESCRIPTION = TypeAdapter(Description)


def load_model(path: Path) -> tuple[keras.Model, Description]:
    """Read a model and its description; nothing stored in the file is executed.

    Raises
    ------
    PipelineError
        The file is not a model of this pipeline, or its weights are not finite.
    OSError
        There is no such file.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would wait for a writer
        raise _refusal(path, ValueError("it is not a regular file"))
    try:
        with zipfile.ZipFile(path) as archive:
            _require_members(archive)
            described, config, weights = map(archive.read, (MEMBER, CONFIG, WEIGHTS))
        description = DESCRIPTION.validate_json(described)
        _require_room(config, weights)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        _require_probabilities(model, len(description.genres))
    except Exception as error:  # whatever the libraries raise about what they are given
        raise _refusal(path, error) from None
    return model, description


def _require_members(archive: zipfile.ZipFile) -> None:
    """Check that an archive has the members of a model, once each, and that none is too large."""
    members = archive.infolist()
    names = [member.filename for member in members]
    for name in LIMITS:
        if names.count(name) != 1:
            raise ValueError(f"it should hold {name} once, and holds it {names.count(name)} times")
    for member in members:
        limit = LIMITS.get(member.filename)
        if limit is None:
            raise ValueError(f"it holds {member.filename[:100]!r}, which is not part of a model")
        if member.file_size > limit:
            raise ValueError(
                f"{member.filename} has {member.file_size} bytes; {limit} are the most"
            )


def _require_room(config: bytes, weights: bytes) -> None:
    """Check that a model takes no more memory than the file of its weights.

    Keras makes room for any network, and for any dataset of up to 4 GiB, before it looks whether
    there is anything to put there.
    """
    # In a thread of its own, as Keras keeps a list of variables without values for each thread, and
    # would make room for them all later on.
    with _about(CONFIG), ThreadPoolExecutor(1) as pool:
        needed = pool.submit(_count_weights, config).result()
    if WEIGHT_BYTES * needed > len(weights):
        raise ValueError(f"its network needs {needed} weights, more than {WEIGHTS} holds")
    with _about(WEIGHTS), h5py.File(io.BytesIO(weights)) as file:
        file.visititems(_require_plain)  # links to another place are not followed


@contextmanager
def _about(member: str) -> Iterator[None]:
    """Name the member in whatever the libraries raise about its content."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{member}: {error}") from None


def _count_weights(config: bytes) -> int:
    """Count the weights of a network without making them."""
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(json.loads(config), safe_mode=True)
    if not isinstance(model, keras.Model):
        raise TypeError(f"describes a {type(model).__name__}, not a model")
    return sum(math.prod(variable.shape) for variable in model.weights)


def _require_plain(name: str, item: h5py.Dataset | h5py.Group) -> None:
    """Check that a dataset is of numbers that lie in the file one after another.

    What is compressed, virtual, in another file or not yet written has no offset.
    """
    if isinstance(item, h5py.Dataset) and (
        item.id.get_offset() is None or item.dtype.kind not in "fiu"
    ):
        raise ValueError(f"{name[:100]!r} is not stored as Keras does it")


def _require_probabilities(model: keras.Model, genres: int) -> None:
    """Check that a model has an output for each genre, and that all of its weights are finite."""
    if getattr(model, "output_shape", None) != (None, genres):
        raise ValueError(f"its network does not tell {genres} genres apart")
    for variable in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise ValueError(f"weights that are not numbers (NaN or infinite) in {variable.path}")


def _refusal(path: Path, error: Exception) -> PipelineError:
    reason = str(error)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, [MEMBER, *first['loc']]))}: {first['msg']}"
    text = " ".join(reason.split())
    if len(text) > LONGEST_REASON:
        text = f"{text[:LONGEST_REASON]}..."
    return PipelineError(f"{path} is not a model of this pipeline: {text}")
