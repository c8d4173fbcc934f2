"""A trained fold as files: complete, in float32, with repeatable bytes, whole or not at all."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import describe, save_untrained, saves_models

from pipeline.base.backend import keras
from pipeline.prediction.ensemble import load_model
from pipeline.training.trained import (
    MEMBER,
    MODEL,
    RECORD,
    VALIDATION,
    Fitted,
    save_model,
    write_fold,
)

pytestmark = saves_models


def test_equal_models_built_apart_and_equal_trainings_are_equal_bytes(tmp_path: Path) -> None:
    """Keras writes the memory addresses of objects that layers share."""
    models = []
    for name in "ab":
        keras.utils.clear_session()
        models.append(save_untrained(tmp_path / name, describe()))
    models[1].set_weights(models[0].get_weights())
    for name, model in zip("ab", models, strict=True):
        write_fold(Fitted(model, [], 1.0, np.eye(2)), describe(), tmp_path / name)
    for name in (MODEL, VALIDATION, RECORD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_model_is_saved_in_float32_without_an_optimizer_and_a_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.ann.WIDTHS", (512, 256))  # so that the weights are most of the file
    model = save_untrained(tmp_path, describe())
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.keras"]
    loaded, _ = load_model(tmp_path / "fold-0.keras")
    assert {variable.dtype for variable in loaded.variables} == {"float32"}
    assert getattr(loaded, "optimizer", None) is None
    with zipfile.ZipFile(tmp_path / "fold-0.keras") as archive:
        weights = archive.read("model.weights.h5")
        assert archive.namelist() == ["config.json", "metadata.json", "model.weights.h5", MEMBER]
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(archive.read("metadata.json"))["date_saved"] == ""
    with h5py.File(io.BytesIO(weights)) as file:
        assert "optimizer" not in file
    assert len(weights) < 1.2 * 4 * model.count_params()


def test_a_failed_save_leaves_the_older_model(tmp_path: Path) -> None:
    model = save_untrained(tmp_path, describe())
    before = (tmp_path / "fold-0.keras").read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(tmp_path / "fold-0.keras", model, describe(store={"x": object()}))
    assert (tmp_path / "fold-0.keras").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.keras"]
