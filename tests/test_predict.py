"""Prediction: of files of your own and of a store, by the mean of all models."""

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from helpers import (
    FRAMES,
    SAMPLE_RATE,
    UNLABELLED,
    describe,
    save_untrained,
    saves_models,
    small_experiment,
    tone,
    write_project,
)

from pipeline import predict
from pipeline.audio.clips import load_clips
from pipeline.audio.pcm import from_pcm
from pipeline.base.entry import run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.paths import FEATURE_STORES, TRAINED
from pipeline.base.tables import read_csv
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.store.store import Store, write_store
from pipeline.training.ensemble import load_models, probabilities

pytestmark = saves_models

Array = npt.NDArray[Any]

PARAMS = small_experiment()
STORE_FOLDER = FEATURE_STORES / "centroid"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with two models of random weights."""
    path = tmp_path_factory.mktemp("project")
    write_project(path)
    with Store(path / STORE_FOLDER) as store:
        for fold in (0, 1):
            save_untrained(path / TRAINED, describe(fold, store=store.description))
    return path


@pytest.fixture(scope="module")
def models(folder: Path) -> predict.Models:
    return load_models(folder / TRAINED)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """A folder without params.yaml: two usable files, one broken, one missing."""
    for name, pitch in (("one.wav", 300.0), ("a long name.flac", 900.0)):
        soundfile.write(tmp_path / name, tone(pitch, 1).ravel(), SAMPLE_RATE, subtype="PCM_16")
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments)])
    predict.main()


def test_rows_are_the_mean_over_models_and_clips(models: predict.Models) -> None:
    rows = np.random.default_rng(0).normal(800, 400, (3, FRAMES)).astype(np.float16)
    chances = predict.predict_rows(models, rows)
    single = [probabilities(model, rows[i : i + 1])[0] for model, _ in models for i in range(3)]
    np.testing.assert_allclose(chances, np.mean(single, axis=0), atol=1e-6)
    assert chances.sum() == pytest.approx(1, abs=1e-6)


def test_models_weigh_the_same() -> None:
    def constant(chances: list[float]) -> Any:
        return lambda rows: np.tile(np.array(chances, np.float32), (len(rows), 1))

    answers = ([1.0, 0.0], [0.4, 0.6], [0.1, 0.9])
    pairs = [(constant(chances), describe()) for chances in answers]
    chances = predict.predict_rows(pairs, np.zeros((4, FRAMES), np.float16))
    np.testing.assert_allclose(chances, [0.5, 0.5])


def test_verdict_names_the_two_likeliest() -> None:
    assert predict.verdict(["a", "b", "c"], np.array([0.2, 0.5, 0.3])) == {
        "genre": "b",
        "probability": "0.5000",
        "runner_up": "c",
        "runner_up_probability": "0.3000",
        "p_a": "0.2000",
        "p_b": "0.5000",
        "p_c": "0.3000",
    }


def test_file_gets_what_the_stages_would_give_it(
    models: predict.Models, audio: Path, tmp_path: Path
) -> None:
    """The same track through segment, extract and the store."""
    path = audio / "stereo.wav"
    samples = np.stack([tone(300, 1).ravel(), tone(700, 2).ravel()], axis=1)
    soundfile.write(path, samples, 5000, subtype="PCM_16")  # to be mixed and resampled
    pcm = load_clips(path, SAMPLE_RATE, PARAMS.segment.clip_samples).pcm
    description = {"name": "pcm", "sample_rate": SAMPLE_RATE, "seconds": 1}
    write_store(tmp_path / "clips", description, {"unlabelled/stereo": pcm})
    extract(tmp_path / "clips", "centroid", PARAMS.extract["centroid"], tmp_path / "centroid")
    [(track_id, clips)] = predict.predict_store(
        models, tmp_path / "centroid", ["unlabelled/stereo"]
    )
    of_file = predict.predict_file(models, path)
    assert of_file.pop("file") == str(path)
    assert track_id == "unlabelled/stereo"
    assert of_file == predict.verdict(models[0][1].genres, clips.mean(axis=0))


def test_settings_come_from_the_models(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models of another sample rate and another transform, where no params.yaml is."""
    monkeypatch.chdir(audio)
    params = {"n_fft": 512, "hop_length": 800}
    store = {"name": "centroid", "sample_rate": 8000, "seconds": 1, "params": params}
    model = save_untrained(tmp_path / "other", describe(store=store))
    soundfile.write("eight.wav", tone(300, 3, clips=2).ravel(), 8000, subtype="PCM_16")
    row = predict.predict_file(load_models(tmp_path / "other"), Path("eight.wav"))
    feature = Centroid(**params)
    rows = feature(from_pcm(tone(300, 3, clips=2).reshape(1, 8000)), 8000)
    chances = probabilities(model, rows).mean(axis=0)
    assert (row["p_high"], row["p_low"]) == tuple(f"{value:.4f}" for value in chances)


def test_good_files_are_printed_and_bad_ones_listed(
    folder: Path,
    audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(audio)
    names = ["one.wav", "broken.wav", "gone.wav", "a long name.flac"]
    with pytest.raises(SystemExit) as caught:
        run_stage(lambda: command(monkeypatch, *names, "--models", folder / TRAINED))
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert [line.split("  ")[0] for line in out.splitlines()] == [
        "file",
        "one.wav",
        "a long name.flac",
    ]
    broken, gone, last = err.splitlines()
    assert broken.startswith("rejected: broken.wav: ")
    assert gone == "rejected: gone.wav: No such file or directory"
    assert last == "error: 2 of 4 files cannot be used"


def test_usable_files_end_well_and_are_written_as_csv(
    folder: Path,
    audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(audio)
    command(monkeypatch, "one.wav", "--csv", "out/table.csv", "--models", folder / TRAINED)
    out, err = capsys.readouterr()
    assert err == ""
    with Path("out/table.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row == predict.predict_file(load_models(folder / TRAINED), Path("one.wav"))
    assert list(row) == ["file", *predict.COLUMNS, "p_high", "p_low"]
    assert out.splitlines()[1].split() == [row[name] for name in ("file", *predict.COLUMNS)]


@pytest.mark.usefixtures("folder")
def test_a_table_of_no_files_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(monkeypatch, "--csv", "table.csv")
    assert "error: --csv needs files" in capsys.readouterr().err


def test_stage_writes_the_unlabelled_tracks_alone(
    folder: Path, models: predict.Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    command(monkeypatch)
    with predict.UNLABELLED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["track_id"] for row in rows] == list(UNLABELLED)
    by_clip = read_csv(predict.UNLABELLED_CLIPS)
    for row in rows:
        own = [clip for clip in by_clip if clip["track_id"] == row["track_id"]]
        assert len(own) == 2
        mean = np.mean([float(clip["p_high"]) for clip in own])
        assert float(row["p_high"]) == pytest.approx(mean, abs=1e-4)
    with Store(STORE_FOLDER) as store:
        chances = predict.predict_rows(models, store.rows(UNLABELLED[1]))
    assert rows[1]["p_high"] == f"{chances[0]:.4f}"


def test_store_of_other_features_is_refused(models: predict.Models, tmp_path: Path) -> None:
    rows = np.zeros((1, FRAMES), np.float16)
    write_store(tmp_path / "centroid", {"name": "centroid"}, {"unlabelled/a": rows})
    with pytest.raises(PipelineError, match=r"models were not trained on .*centroid; run `dvc"):
        list(predict.predict_store(models, tmp_path / "centroid", ["unlabelled/a"]))


def test_table_is_aligned() -> None:
    def row(name: str, genre: str, runner_up: str) -> predict.Row:
        cells = (name, genre, "0.9000", runner_up, "0.0500")
        return dict(zip(["file", *predict.COLUMNS], cells, strict=True))

    lines = predict.format_table(
        [row("a.wav", "hiphop", "pop"), row("a longer name.wav", "pop", "classical")]
    ).splitlines()
    assert len(lines) == 3
    for column in ("genre", "probability", "runner_up", "runner_up_probability"):
        start = lines[0].index(f" {column}") + 1
        assert all(line[start - 2 : start] == "  " and line[start] != " " for line in lines[1:])
    assert all(line == line.rstrip() for line in lines)
