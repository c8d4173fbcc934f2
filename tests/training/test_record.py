"""A trained fold as a folder: what is written is what is read."""

from pathlib import Path

from helpers import describe, save_untrained, saves_models

from pipeline.prediction.saved import load_model
from pipeline.training.fit import HISTORY
from pipeline.training.trained import MODEL, RECORD, Fitted, Record, read_record, write_fold

pytestmark = saves_models

MACHINE = {"precision": "bfloat16", "backend": "tensorflow", "threads": 1, "processor": "X"}


def test_folder_has_the_model_and_the_record_of_its_training(tmp_path: Path) -> None:
    description = describe(training={"seed": 7, **MACHINE})
    model = save_untrained(tmp_path / "source", description)
    history = [dict.fromkeys(HISTORY, 0.5), dict.fromkeys(HISTORY, 0.25)]
    write_fold(Fitted(model, history, 12.345), description, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MODEL, RECORD, "source"]
    assert read_record(tmp_path) == Record(history, MACHINE, 12.3)
    assert load_model(tmp_path / MODEL)[1] == description


def test_equal_models_and_trainings_are_equal_bytes(tmp_path: Path) -> None:
    model = save_untrained(tmp_path / "source", describe())
    for name in "ab":
        (tmp_path / name).mkdir()
        write_fold(Fitted(model, [], 1.0), describe(), tmp_path / name)
    for name in (MODEL, RECORD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
