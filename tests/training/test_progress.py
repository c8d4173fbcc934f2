"""Progress is reported from time to time, and the last epoch exactly once."""

import re
from pathlib import Path

import pytest
from helpers import saves_models
from toys import fit, toy_task

from pipeline.training import watching as progress
from pipeline.training.watching import Progress

pytestmark = saves_models


def reported(
    epochs: int, batch_size: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """Lines that a training prints."""
    task = toy_task(epochs=epochs, batch_size=batch_size)
    fit(task, folder / "x.npz", Progress(0, epochs, len(task.training_rows)))
    return capsys.readouterr().out.splitlines()


def test_short_training_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [line] = reported(2, 8, tmp_path, capsys)
    figures = r"accuracy \d\.\d\d, validation \d\.\d\d, \d+ clips/s, done in \d+ s"
    assert re.fullmatch(rf"fold 0: epoch 2/2, {figures}", line)


def test_long_epoch_is_reported_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "BATCH_SECONDS", 0.0)
    lines = reported(2, 16, tmp_path, capsys)
    found = re.findall(r"fold 0: epoch (\S+) at (\d+)%", "\n".join(lines))
    assert found == [(f"{epoch}/2", share) for epoch in (1, 2) for share in ("33", "67", "100")]


def test_every_long_epoch_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EPOCH_SECONDS", 0.0)
    lines = reported(3, 8, tmp_path, capsys)
    assert [re.findall(r"epoch (\S+),.* (left|done)", line) for line in lines] == [
        [("1/3", "left")],
        [("2/3", "left")],
        [("3/3", "done")],
    ]
