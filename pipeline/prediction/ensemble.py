"""Read the saved models of all folds, and predict clips by all of them or out of fold.

A model may come from a stranger: nothing is unpacked before its size is known, no module but Keras
is imported, and no other file is opened.
"""

import io
import json
import math
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pydantic import TypeAdapter, ValidationError

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.base.files import digest, file_digest
from pipeline.base.types import Array
from pipeline.evaluation.predictions import Predictions, predictions_of
from pipeline.folds.labelled import LabelledClips
from pipeline.training.trained import MEMBER, Description, predict_stored, probabilities

TOLERANCE = 0.01  # of the sum of probabilities

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
# The largest that a member may be, in bytes.
LIMITS = {CONFIG: 1 << 22, "metadata.json": 1 << 16, WEIGHTS: 1 << 30, MEMBER: 1 << 20}
WEIGHT_BYTES = 4  # of each weight, as models are saved in float32
LONGEST_REASON = 300  # characters of what a library reports about a damaged file
DESCRIPTION = TypeAdapter(Description)

Models = Sequence[tuple[Any, Description]]


def load_models(
    path: Path, check: Callable[[keras.Model, Description], object] | None = None
) -> list[tuple[keras.Model, Description]]:
    """Read every fold's model in a folder, sorted by fold; or a single model.

    Parameters
    ----------
    path : Path
        A folder of fold-*.keras, or a file.
    check : callable, optional
        Raises `PipelineError` if it cannot use a model.

    Raises
    ------
    PipelineError
        There is none, or one is damaged or cannot be used, or they were not trained on the same
        features.
    """
    models = []
    for each in [path] if path.is_file() else sorted(path.glob("fold-*.keras")):
        models.append(load_model(each))
        try:
            if check:
                check(*models[-1])
        except PipelineError as error:
            raise PipelineError(f"{each}: {error}") from None
    if not models:
        raise PipelineError(f"{path} holds no fold-*.keras; run `dvc repro train` first")
    first = models[0][1]
    for _, other in models:
        if (other.feature, other.genres, other.store) != (first.feature, first.genres, first.store):
            raise PipelineError(f"the models in {path} were not trained on the same features")
    return sorted(models, key=lambda pair: pair[1].fold)


def models_digest(folder: Path) -> str:
    """Return the digest of all models in `folder`, by which metrics/scores.json knows its run's."""
    return digest(*map(file_digest, sorted(folder.glob("fold-*.keras"))))


def predict_clips(models: Models, rows: Array) -> Array:
    """Mean probability over models: feature rows, (clips, ...), -> (clips, genres).

    Raises
    ------
    PipelineError
        A model does not output probabilities.
    """
    predicted = []
    for model, description in models:
        part = probabilities(model, rows)
        if not (np.abs(part.sum(axis=1) - 1) < TOLERANCE).all() or part.min() < 0:
            raise PipelineError(
                f"the model of fold {description.fold} does not output probabilities: its values "
                f"range from {part.min()} to {part.max()}"
            )
        predicted.append(part)
    return np.mean(predicted, axis=0)


def predict_out_of_fold(clips: LabelledClips, models: Models) -> Predictions:
    """Predict each clip by the model of each fold, or seed, in which it is tested.

    Raises
    ------
    PipelineError
        The models were trained on other features, or on other folds.
    """
    trained = {description.fold for _, description in models}
    if trained != set(range(len(clips.tested))) or models[0][1].store != clips.description:
        raise PipelineError("the models were trained on other folds or features; run `dvc repro`")
    rows, folds = np.nonzero(clips.tested.T)
    predicted = np.empty((len(rows), len(clips.genres)), np.float32)
    for model, description in models:
        part = folds == description.fold
        predicted[part] = predict_stored(model, clips.rows, rows[part])
    return tabulate(clips, rows, folds, predicted)


def tabulate(clips: LabelledClips, rows: Array, folds: Array, predicted: Array) -> Predictions:
    """Table of what the models of `folds` predicted for `rows`, both of shape (n,).

    Parameters
    ----------
    predicted : float array, shape (n, genres)
    """
    return predictions_of(
        clips.genres,
        clips.track_ids[rows],
        predicted,
        clips=clips.clip_numbers[rows],
        folds=folds,
        groups=clips.groups[rows],
        actual=clips.labels[rows],
    )


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
