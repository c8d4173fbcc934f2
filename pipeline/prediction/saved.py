"""Read a saved model and check it, as it may come from a stranger.

Nothing is unpacked before its size is known, no module but Keras is imported, and no other file is
opened.
"""

import io
import json
import lzma
import math
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pydantic import TypeAdapter, ValidationError

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.training.trained import MEMBER, Description

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
# The largest that a member may be, in bytes.
LIMITS = {CONFIG: 1 << 22, "metadata.json": 1 << 16, WEIGHTS: 1 << 30, MEMBER: 1 << 20}

# What zipfile raises, and the libraries that it unpacks with.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
# What h5py raises about a damaged file.
UNREADABLE_WEIGHTS = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
)


class DamageError(Exception):
    """What is wrong with the file of a model, in one line."""


def read_description(path: Path) -> bytes:
    """The member pipeline.json of a model's file, all of whose sizes are within LIMITS.

    Raises
    ------
    DamageError, OSError
        The file is not such an archive.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamageError("it is not a regular file")
    with _open(path) as archive:
        _require_members(archive)
        return archive.read(MEMBER)


def require_network(path: Path, genres: int) -> None:
    """Check the network and the weights of a model's file that `read_description` has read.

    Raises
    ------
    DamageError
        The file does not hold a network for so many `genres`, with finite weights for all of it.
    """
    with _open(path) as archive:
        config, weights = archive.read(CONFIG), archive.read(WEIGHTS)
    stored = _count_stored(weights)
    needed = _count_needed(_parse(config), genres)
    if stored != needed:
        raise DamageError(f"its network needs {needed} weights, but {WEIGHTS} holds {stored}")


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except UNREADABLE as error:
        raise DamageError(str(error)) from None


def _require_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    for name in LIMITS:
        if names.count(name) != 1:
            raise DamageError(f"it should hold {name} once, and holds it {names.count(name)} times")
    for member in members:
        limit = LIMITS.get(member.filename)
        if limit is None:
            raise DamageError(f"it holds {member.filename[:100]!r}, which is not part of a model")
        if member.file_size > limit:
            raise DamageError(
                f"{member.filename} has {member.file_size} bytes; {limit} are the most"
            )


def _parse(config: bytes) -> dict[str, Any]:
    """The network's configuration, in which only Keras' own modules are named."""
    try:
        content = json.loads(config, parse_constant=_refuse_constant)
        if not isinstance(content, dict):
            raise DamageError(f"{CONFIG} does not hold an object")
        for item in _objects(content):
            module = item.get("module")
            if module is not None and str(module).partition(".")[0] not in ("keras", "builtins"):
                raise DamageError(f"{CONFIG} names the module {str(module)[:100]!r}")
    except (ValueError, RecursionError) as error:
        raise DamageError(f"{CONFIG} is not JSON as Keras writes it: {error}") from None
    return content


def _refuse_constant(name: str) -> None:
    raise DamageError(f"{CONFIG} holds {name}, which is not a number")


def _objects(content: Any) -> Iterator[dict[str, Any]]:
    pending = [content]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _count_needed(config: dict[str, Any], genres: int) -> int:
    """Number of weights of a network; none is made, nor noted by Keras outside of a thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_build_without_weights, config, genres).result()


def _build_without_weights(config: dict[str, Any], genres: int) -> int:
    with keras.StatelessScope(initialize_variables=False):
        try:
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        except Exception as error:  # whatever Keras raises about what it is given
            raise DamageError(f"{CONFIG}: {error}") from None
        if not isinstance(model, keras.Model):
            raise DamageError(f"{CONFIG} describes a {type(model).__name__}, not a model")
        if getattr(model, "output_shape", None) != (None, genres):
            raise DamageError(f"its network does not tell {genres} genres apart")
        return sum(math.prod(variable.shape) for variable in model.weights)


def _count_stored(weights: bytes) -> int:
    """Number of values in an HDF5 file of weights, all of which are in it and are finite."""
    try:
        with h5py.File(io.BytesIO(weights)) as file:
            return sum(_count_values(dataset) for dataset in _datasets(file, len(weights)))
    except UNREADABLE_WEIGHTS as error:
        raise DamageError(f"{WEIGHTS} is not a readable HDF5 file: {error}") from None


def _datasets(file: h5py.File, size: int) -> Iterator[h5py.Dataset]:
    """All datasets of a file of `size` bytes, which are of numbers and stored in it as they are."""
    pending: list[h5py.Group] = [file]
    seen, total = set(), 0
    while pending:
        group = pending.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in seen:  # a group that lies in itself
            continue
        seen.add(place)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise DamageError(f"{WEIGHTS} links to another place: {name[:100]!r}")
            item = group[name]
            if isinstance(item, h5py.Group):
                pending.append(item)
                continue
            total += item.nbytes
            if item.chunks or item.external or item.is_virtual or item.dtype.kind not in "fiu":
                raise DamageError(f"{WEIGHTS}: {name[:100]!r} is not stored as Keras does it")
            if total > size:
                raise DamageError(f"{WEIGHTS} promises more than it holds")
            yield item


def _count_values(dataset: h5py.Dataset) -> int:
    if not np.isfinite(dataset[()]).all():
        raise DamageError(f"weights that are not numbers (NaN or infinite) in {dataset.name}")
    return int(dataset.size)


DESCRIPTION = TypeAdapter(Description)
LONGEST_REASON = 300  # characters of what a library says of a damaged file


def load_model(path: Path) -> tuple[keras.Model, Description]:
    """Read a model and its description; nothing stored in the file is executed.

    Raises
    ------
    PipelineError
        The file is not a model of this pipeline.
    """
    try:
        description = DESCRIPTION.validate_json(read_description(path))
        require_network(path, len(description.genres))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, [MEMBER, *first["loc"]]))
        raise _refusal(path, f"{key}: {first['msg']}") from None
    except DamageError as error:
        raise _refusal(path, str(error)) from None
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True), description
    except Exception as error:  # whatever Keras raises about what it is given
        raise _refusal(path, str(error)) from None


def _refusal(path: Path, reason: str) -> PipelineError:
    text = " ".join(reason.split())
    if len(text) > LONGEST_REASON:
        text = f"{text[:LONGEST_REASON]}..."
    return PipelineError(f"{path} is not a model of this pipeline: {text}")
