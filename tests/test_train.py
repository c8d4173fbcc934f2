"""The stage: a model and a history for each fold, trained once, by one run at a time."""

import os
from importlib.metadata import version
from pathlib import Path

import pytest
from documents import write_params
from helpers import SMALL, run_main, small_experiment, train_quickly, write_project
from project import contents
from toys import train_in_appearance

from pipeline import train
from pipeline.base.backend import machine_facts
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    HISTORIES,
    TRAINED,
    TRAINING,
    VALIDATION_PREDICTIONS,
    read_csv,
    read_json,
)
from pipeline.store.build import replacing_folder
from pipeline.training.cross_validation import merge_facts
from pipeline.training.fit import HISTORY


def test_facts_of_machines_that_differ_are_all_given() -> None:
    one = {"backend": "jax", "processor": "A", "threads": 1}
    assert merge_facts([one, {**one, "processor": "B"}, one]) == {**one, "processor": "A, B"}


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The small project in the working directory, and the folds that are trained from here on."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    train_quickly(monkeypatch)
    return train_in_appearance(monkeypatch)


@pytest.mark.usefixtures("trained")
def test_folder_has_a_model_for_each_fold_and_nothing_older() -> None:
    TRAINED.mkdir(parents=True)
    (TRAINED / "fold-7.keras").touch()
    run_main(train.main)
    assert sorted(path.name for path in TRAINED.iterdir()) == ["fold-0.keras", "fold-1.keras"]
    rows = read_csv(HISTORIES, ["fold", "epoch", *HISTORY])
    assert [(row["fold"], row["epoch"], row["val_loss"]) for row in rows] == [
        (fold, epoch, loss) for fold in "01" for epoch, loss in (("1", "0.5"), ("2", "0.25"))
    ]
    validated = read_csv(VALIDATION_PREDICTIONS)  # two tracks of two clips in each fold
    assert sorted(row["p_low"] for row in validated) == ["0.2500"] * 4 + ["0.7500"] * 4
    assert all(float(row["p_low"]) == 0.75 - int(row["fold"]) / 2 for row in validated)
    record = read_json(TRAINING)
    assert machine_facts("float32").items() <= record.items()
    assert (record["seconds"], record["seconds_of_folds"]) == (2.0, {"0": 1.0, "1": 1.0})
    assert record["versions"]["keras"] == version("keras")


@pytest.mark.usefixtures("trained")
def test_curves_of_the_run_before_do_not_stand_while_a_new_one_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_main(train.main)
    there = []

    def stop(*_: object) -> None:
        there.append(read_csv(HISTORIES))
        raise PipelineError("enough")

    monkeypatch.setattr(train, "train_folds", stop)
    with pytest.raises(PipelineError, match="enough"):
        run_main(train.main)
    assert there == [[]]


def test_second_run_is_refused_while_one_trains(trained: list[int]) -> None:
    run_main(train.main)
    before = contents(TRAINED)
    with replacing_folder(TRAINED):
        expected = rf"^data/models is being written by process {os.getpid()}; wait until"
        with pytest.raises(PipelineError, match=expected):
            run_main(train.main)
        assert contents(TRAINED) == before
    assert trained == [0, 1]


def test_fold_that_was_trained_before_is_not_trained_again(
    trained: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    run_main(train.main)
    described, validated = TRAINING.read_bytes(), VALIDATION_PREDICTIONS.read_bytes()
    run_main(train.main)
    assert trained == [0, 1]
    assert "fold 1: trained before, taken from the cache" in capsys.readouterr().out
    assert TRAINING.read_bytes() == described  # so that git shows no change
    assert VALIDATION_PREDICTIONS.read_bytes() == validated
    write_params(Path(), {**SMALL, "seed": small_experiment().seed + 1})
    run_main(train.main)
    assert trained == [0, 1, 0, 1]
    write_params(Path(), SMALL)
    run_main(train.main)
    assert trained == [0, 1, 0, 1]
    assert (TRAINED / "fold-1.keras").read_text(encoding="utf-8") == "model of 1"
