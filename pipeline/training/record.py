"""A trained fold as a folder: its model, and a record of how it was trained."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.digests import file_digest, sealed, unsealed
from pipeline.training.fitting import Fitted
from pipeline.training.saved import Description, save_model

MODEL, RECORD = "model.keras", "record.json"
DIGEST = "model_sha256"  # of the model's file, in the record


@dataclass(frozen=True)
class Record:
    """How a fold was trained.

    Attributes
    ----------
    history : list of dict
        Loss and accuracy of each epoch, as `pipeline.training.fitting.HISTORY` names them.
    machine : dict
        Precision, backend, threads and processor.
    seconds : float
        How long training took.
    """

    history: list[dict[str, float]]
    machine: dict[str, Any]
    seconds: float


def write_fold(fitted: Fitted, description: Description, folder: Path) -> None:
    """Write `MODEL` and `RECORD` into `folder`."""
    save_model(folder / MODEL, fitted.model, description)
    machine = {name: value for name, value in description.training.items() if name != "seed"}
    content = {
        "history": fitted.history,
        "machine": machine,
        "seconds": round(fitted.seconds, 1),
        DIGEST: file_digest(folder / MODEL),
    }
    (folder / RECORD).write_text(sealed(content), encoding="utf-8")


def read_record(folder: Path) -> Record:
    """Read the record that `write_fold` wrote into `folder`."""
    content = _read(folder)
    return Record(**{name: content[name] for name in Record.__dataclass_fields__})


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds what `write_fold` wrote, to the byte."""
    try:
        return bool(_read(folder)[DIGEST] == file_digest(folder / MODEL))
    except (OSError, ValueError, KeyError):
        return False


def _read(folder: Path) -> dict[str, Any]:
    return unsealed((folder / RECORD).read_text(encoding="utf-8"))
