"""A trained fold: its model, what that predicts for the inner validation, and its record.

The model's file is all that prediction needs. It is Keras' own archive with one more member,
`pipeline.json`, and without timestamps and memory addresses: equal weights give equal bytes.
"""

import json
import os
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field

from pipeline.base.backend import keras
from pipeline.base.files import checked, file_digest, with_digest
from pipeline.base.types import Array, Natural, Rows

MODEL, VALIDATION, RECORD = "model.keras", "validation.npy", "record.json"  # files of a fold
DIGESTS = "files_sha256"  # of the other two, in the record
MEMBER = "pipeline.json"  # of a model's archive: its description
PREDICT_ROWS = 64
BLOCK = 16 * PREDICT_ROWS  # rows in memory at a time
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member, the earliest that an archive can have


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("should all be different")
    return names


Name = Annotated[str, Field(min_length=1, max_length=255)]
Genres = Annotated[list[Name], Field(min_length=2, max_length=10_000), AfterValidator(_different)]


@dataclass(frozen=True)
class Description:
    """Description of a model: its name, and what it was trained on.

    Attributes
    ----------
    model, feature : str
        Their names in params.yaml.
    genres : list of str
        In the order of the model's outputs.
    fold : int
        The fold that it never saw.
    store : dict
        Description of the feature store: sample rate in Hz, clip length in seconds, the
        feature's parameters.
    training : dict
        Seed, precision, backend, threads and processor.
    """

    # What is read from a file is validated; what is made here is not.
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: Name
    feature: Name
    genres: Genres
    fold: Natural
    store: dict[str, Any]
    training: dict[str, Any]


@dataclass(frozen=True)
class Record:
    """Record of the training of a fold.

    Attributes
    ----------
    history : list of dict
        Loss and accuracy of each epoch, as `pipeline.training.fit.HISTORY` names them.
    machine : dict
        Precision, backend, threads and processor.
    seconds : float
        How long training took.
    """

    history: list[dict[str, float]]
    machine: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """A trained model, in float32, and how its training went.

    Attributes
    ----------
    model : keras.Model
    history : list of dict
        As in `Record`.
    seconds : float
        How long training took, including a part before the run was killed.
    validation : float32 array, shape (rows, genres)
        Probabilities of the rows of the inner validation part, in their order.
    """

    model: keras.Model
    history: list[dict[str, float]]
    seconds: float
    validation: Array


def probabilities(model: keras.Model, rows: Array) -> Array:
    """Predict feature rows (n, ...), a few at a time: float32 probabilities, (n, genres)."""
    parts = [
        keras.ops.convert_to_numpy(model(rows[start : start + PREDICT_ROWS].astype(np.float32)))
        for start in range(0, len(rows), PREDICT_ROWS)
    ]
    return np.concatenate(parts)


def predict_stored(model: keras.Model, rows: Rows, index: Array) -> Array:
    """Predict the rows whose numbers are in `index`, with few of them in memory at a time."""
    blocks = np.array_split(index, range(BLOCK, len(index), BLOCK))
    return np.concatenate([probabilities(model, rows[block]) for block in blocks])


def write_fold(fitted: Fitted, description: Description, folder: Path) -> None:
    """Write `MODEL`, `VALIDATION` and `RECORD` into `folder`."""
    save_model(folder / MODEL, fitted.model, description)
    np.save(folder / VALIDATION, fitted.validation)
    machine = {name: value for name, value in description.training.items() if name != "seed"}
    content = {
        "history": fitted.history,
        "machine": machine,
        "seconds": round(fitted.seconds, 1),
        DIGESTS: _digests(folder),
    }
    (folder / RECORD).write_text(with_digest(content), encoding="utf-8")


def read_record(folder: Path) -> Record:
    """Read the record that `write_fold` wrote into `folder`."""
    content = _read(folder)
    return Record(**{name: content[name] for name in Record.__dataclass_fields__})


def read_validation(folder: Path) -> Array:
    """Read the probabilities of the inner validation that `write_fold` wrote into `folder`."""
    found: Array = np.load(folder / VALIDATION, allow_pickle=False)
    return found


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds what `write_fold` wrote, to the byte."""
    try:
        return bool(_read(folder)[DIGESTS] == _digests(folder))
    except (OSError, ValueError, KeyError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    return {name: file_digest(folder / name) for name in (MODEL, VALIDATION)}


def _read(folder: Path) -> dict[str, Any]:
    return checked((folder / RECORD).read_text(encoding="utf-8"))


def save_model(path: Path, model: keras.Model, description: Description) -> None:
    """Write an uncompiled float32 model and its description, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
        saved, repeatable = Path(folder, "saved.keras"), Path(folder, "repeatable.keras")
        model.save(saved)
        _copy_repeatable(saved, repeatable, json.dumps(asdict(description), sort_keys=True))
        os.replace(repeatable, path)


def _copy_repeatable(source: Path, target: Path, description: str) -> None:
    """Copy an archive without what differs from run to run, and add a description."""
    changes = {"metadata.json": _undated, "config.json": _renumbered}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            new.writestr(zipfile.ZipInfo(name, EPOCH), changes.get(name, bytes)(old.read(name)))
        new.writestr(zipfile.ZipInfo(MEMBER, EPOCH), description)


def _undated(metadata: bytes) -> bytes:
    return json.dumps({**json.loads(metadata), "date_saved": ""}, sort_keys=True).encode()


def _renumbered(config: bytes) -> bytes:
    """Number shared objects in order, where Keras takes their addresses in memory."""
    numbers: dict[int, int] = {}

    def renumber(item: dict[str, Any]) -> dict[str, Any]:
        if "shared_object_id" in item:
            address = item["shared_object_id"]
            item["shared_object_id"] = numbers.setdefault(address, len(numbers))
        return item

    return json.dumps(json.loads(config, object_hook=renumber)).encode()
