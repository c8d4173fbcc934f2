"""A saved model is complete, in float32, with repeatable bytes, and executes nothing."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from helpers import FRAMES, describe, save_untrained, saves_models

from pipeline.base.backend import keras
from pipeline.base.errors import PipelineError
from pipeline.prediction.ensemble import PREDICT_ROWS, load_models, probabilities
from pipeline.prediction.saved import load_model
from pipeline.training.trained import MEMBER, Description, save_model

pytestmark = saves_models

STORE = {"name": "centroid", "sample_rate": 4000, "seconds": 1, "params": {"n_fft": 256}}
ROWS = np.random.default_rng(0).normal(800, 400, (2 * PREDICT_ROWS + 5, FRAMES)).astype(np.float16)


def rewritten(source: Path, target: Path, changes: Mapping[str, bytes | None]) -> Path:
    """A copy of an archive with members changed, or left out where they are None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = changes.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def refusal(path: Path) -> str:
    """The line in which `path` is refused."""
    with pytest.raises(PipelineError) as caught:
        load_model(path)
    text = str(caught.value)
    assert text.startswith(f"{path} is not a model of this pipeline: ")
    assert "\n" not in text
    return text


def test_loaded_model_predicts_and_describes_itself_as_before(tmp_path: Path) -> None:
    description = describe(3, store=STORE)
    model = save_untrained(tmp_path, description)
    loaded, found = load_model(tmp_path / "fold-3.keras")
    assert found == description
    np.testing.assert_array_equal(probabilities(loaded, ROWS), probabilities(model, ROWS))


def test_model_is_saved_in_float32_without_an_optimizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.ann.WIDTHS", (512, 256))  # so that the weights are most of the file
    model = save_untrained(tmp_path, describe())
    loaded, _ = load_model(tmp_path / "fold-0.keras")
    assert {variable.dtype for variable in loaded.variables} == {"float32"}
    assert getattr(loaded, "optimizer", None) is None
    with zipfile.ZipFile(tmp_path / "fold-0.keras") as archive:
        weights = archive.read("model.weights.h5")
        names = archive.namelist()
    with h5py.File(io.BytesIO(weights)) as file:
        assert "optimizer" not in file
    assert names == ["config.json", "metadata.json", "model.weights.h5", MEMBER]
    assert len(weights) < 1.2 * 4 * model.count_params()


def test_equal_weights_give_equal_bytes_without_timestamps(tmp_path: Path) -> None:
    model = save_untrained(tmp_path, describe())
    first = (tmp_path / "fold-0.keras").read_bytes()
    save_model(tmp_path / "again.keras", model, describe())
    assert (tmp_path / "again.keras").read_bytes() == first
    with zipfile.ZipFile(tmp_path / "again.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(archive.read("metadata.json"))["date_saved"] == ""


def test_equal_models_built_apart_are_equal_bytes(tmp_path: Path) -> None:
    """Keras writes the memory addresses of objects that layers share."""
    models = []
    for name in "ab":
        keras.utils.clear_session()
        models.append(save_untrained(tmp_path / name, describe()))
    models[1].set_weights(models[0].get_weights())
    save_model(tmp_path / "b" / "fold-0.keras", models[1], describe())
    first, second = (tmp_path / name / "fold-0.keras" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    save_untrained(tmp_path, describe())
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.keras"]


def test_failed_save_leaves_the_older_model(tmp_path: Path) -> None:
    model = save_untrained(tmp_path, describe())
    before = (tmp_path / "fold-0.keras").read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(tmp_path / "fold-0.keras", model, describe(store={"x": object()}))
    assert (tmp_path / "fold-0.keras").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.keras"]


def test_text_and_keras_own_archive_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("hello", encoding="utf-8")
    assert "not a zip file" in refusal(tmp_path / "text.keras")
    foreign = keras.Sequential([keras.Input((FRAMES,)), keras.layers.Dense(2)])
    foreign.save(tmp_path / "foreign.keras")
    assert MEMBER in refusal(tmp_path / "foreign.keras")


@pytest.mark.parametrize(
    "changes",
    [
        {MEMBER: b"[1]"},
        {MEMBER: b"no JSON"},
        {MEMBER: b'{"model": "ann"}'},
        {"config.json": None},
        {"config.json": b"{}"},
        {"model.weights.h5": None},
    ],
    ids=str,
)
def test_damaged_archive_is_refused(tmp_path: Path, changes: Mapping[str, bytes | None]) -> None:
    save_untrained(tmp_path, describe())
    refusal(rewritten(tmp_path / "fold-0.keras", tmp_path / "damaged.keras", changes))


def test_cut_off_file_is_refused(tmp_path: Path) -> None:
    save_untrained(tmp_path, describe())
    content = (tmp_path / "fold-0.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    refusal(tmp_path / "cut.keras")


def test_code_in_a_file_is_not_executed(tmp_path: Path) -> None:
    network = [keras.Input((FRAMES,)), keras.layers.Lambda(lambda rows: rows * 2)]
    save_model(tmp_path / "code.keras", keras.Sequential(network), describe())
    assert "Lambda" in refusal(tmp_path / "code.keras")


def test_models_come_in_order_of_their_folds(tmp_path: Path) -> None:
    for fold in (10, 9, 2):
        save_untrained(tmp_path, describe(fold))
    assert [description.fold for _, description in load_models(tmp_path)] == [2, 9, 10]


@pytest.mark.parametrize(
    "other",
    [
        describe(1, store={"sample_rate": 8000}),
        describe(1, genres=["high", "middle"]),
        describe(1, feature="mel"),
    ],
    ids=["store", "genres", "feature"],
)
def test_models_that_were_not_trained_alike_are_refused(tmp_path: Path, other: Description) -> None:
    save_untrained(tmp_path, describe(0))
    save_untrained(tmp_path, other)
    with pytest.raises(PipelineError, match="were not trained on the same features"):
        load_models(tmp_path)


def test_folder_without_models_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"holds no fold-\*\.keras; run `dvc repro train`"):
        load_models(tmp_path)


@pytest.mark.parametrize("count", [1, PREDICT_ROWS, PREDICT_ROWS + 1, 2 * PREDICT_ROWS + 5])
def test_probabilities_do_not_depend_on_how_rows_are_grouped(tmp_path: Path, count: int) -> None:
    model = save_untrained(tmp_path, describe())
    together = probabilities(model, ROWS[:count])
    assert together.shape == (count, 2)
    assert together.dtype == np.float32
    alone = np.concatenate([probabilities(model, ROWS[i : i + 1]) for i in range(count)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_description_is_complete_json(tmp_path: Path) -> None:
    save_untrained(tmp_path, describe(store=STORE))
    with zipfile.ZipFile(tmp_path / "fold-0.keras") as archive:
        found: dict[str, Any] = json.loads(archive.read(MEMBER))
    assert found["store"] == STORE
    assert set(found) == {"model", "feature", "genres", "fold", "store", "training"}
