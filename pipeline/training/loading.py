"""Read a saved model, which may come from a stranger."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.training.archive import DamageError, read_description, require_network
from pipeline.training.saved import MEMBER, Description

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
