"""Progress and curves that can be seen while folds train, and what a stopped run leaves."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import saves_models
from toys import PARAMS, fit, toy_task

from pipeline.base.backend import keras
from pipeline.base.files import read_csv, write_csv
from pipeline.training import watching
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fit import HISTORY, fit_fold
from pipeline.training.trained import Fitted
from pipeline.training.watching import COLUMNS, LiveCurves, Progress

pytestmark = saves_models


def stop_after(epochs: int) -> Any:
    """What interrupts a training after so many epochs, as a user may."""

    def stop(epoch: int, _: Any) -> None:
        if epoch == epochs:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_epoch_begin=stop)


def fit_live(folder: Path, fold: int, epochs: int, *callbacks: Any) -> Fitted:
    """Train a fold of `epochs` epochs, with its curves in the table `curves.csv`."""
    checkpoint = Checkpoint(folder / f"{fold}.npz")
    live = LiveCurves(fold, checkpoint, folder / "curves.csv")
    return fit_fold(toy_task(epochs=epochs), checkpoint, [live, *callbacks])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "curves.csv"
    write_csv(path, COLUMNS, [])
    return path


def rows_of(table: Path) -> list[tuple[str, str]]:
    return [(row["fold"], row["epoch"]) for row in read_csv(table, COLUMNS)]


def test_every_epoch_of_every_fold_adds_its_line(table: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(len(rows_of(table)))  # noqa: ARG005
    )
    fitted = fit_live(tmp_path, 3, 3, watch)
    assert seen == [1, 2, 3]
    fit_live(tmp_path, 0, 1)
    assert rows_of(table)[3:] == [("0", "1")]
    for row, expected in zip(read_csv(table)[:3], fitted.history, strict=True):
        assert row["fold"] == "3"
        assert [float(row[name]) for name in HISTORY] == pytest.approx(
            [expected[name] for name in HISTORY], abs=1e-4
        )


def test_a_stopped_run_leaves_what_it_had_and_the_next_begins_with_it(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.training.checkpoint.SAVE_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        fit_live(tmp_path, 0, 4, stop_after(2))
    assert rows_of(table) == [("0", "1"), ("0", "2")]
    before = read_csv(table)
    write_csv(table, COLUMNS, [])  # as the next run begins
    fit_live(tmp_path, 0, 4)
    assert rows_of(table) == [("0", str(epoch)) for epoch in (1, 2, 3, 4)]
    assert read_csv(table)[:2] == before


def test_where_the_table_is_not_nothing_is_written(tmp_path: Path) -> None:
    """A worker on another machine has no metrics/, and must not make one."""
    fit_live(tmp_path, 0, 1)
    assert not (tmp_path / "curves.csv").exists()


def test_the_curves_do_not_affect_the_training(table: Path, tmp_path: Path) -> None:
    assert table.is_file()
    alone = fit(toy_task(epochs=2), tmp_path / "alone.npz")
    assert fit_live(tmp_path, 0, 2).history == alone.history


AT = [f"{epoch}/2 at {share}%" for epoch in (1, 2) for share in (33, 67, 100)]


@pytest.mark.parametrize(
    ("long", "reported"),
    [
        ([], [("2/2", "done")]),
        (["EPOCH_SECONDS"], [("1/2", "left"), ("2/2", "done")]),
        (["BATCH_SECONDS"], [*((epoch, "left") for epoch in AT), ("2/2", "done")]),
    ],
    ids=["short training", "long epochs", "long batches"],
)
def test_progress_is_reported_once_for_what_takes_long(
    long: list[str],
    reported: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in long:
        monkeypatch.setattr(watching, name, 0.0)
    task = toy_task(epochs=2, batch_size=16)
    fit(task, tmp_path / "x.npz", Progress(0, task.params, len(task.training_rows)))
    printed = capsys.readouterr().out
    figures = r"accuracy \d\.\d\d(?:, validation \d\.\d\d)?, \d+ clips/s"
    end = r"(?:(?:about \d+|under 1) s )?(left|done)(?:, or less| in \d+ s)"
    line = rf"^fold 0: epoch (.*), {figures}, {end}$"
    assert re.findall(line, printed, re.MULTILINE) == reported
    assert len(printed.splitlines()) == len(reported)


@pytest.mark.parametrize(("patience", "end"), [(0, "left"), (3, "left, or less")])
def test_the_time_left_is_that_of_epochs_as_long_as_those_after_the_first(
    patience: int, end: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.training.watching.time.monotonic", lambda: now)
    progress = Progress(0, replace(PARAMS, epochs=4, patience=patience), 120)
    progress.on_train_begin()
    for epoch, seconds in enumerate((30.0, 10.0, 12.0, 11.0)):
        progress.on_epoch_begin(epoch)
        now += seconds
        progress.on_epoch_end(epoch, {"accuracy": 0.5})
    progress.on_train_end({"accuracy": 0.5})
    assert capsys.readouterr().out.splitlines() == [
        f"fold 0: epoch 1/4, accuracy 0.50, 4 clips/s, about 90 s {end}",
        f"fold 0: epoch 2/4, accuracy 0.50, 12 clips/s, about 20 s {end}",
        f"fold 0: epoch 3/4, accuracy 0.50, 11 clips/s, about 11 s {end}",
        "fold 0: epoch 4/4, accuracy 0.50, 11 clips/s, done in 63 s",
    ]
