"""Predictions for files and for a store, by the mean of all models."""

import csv
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
    run_main,
    save_untrained,
    saves_models,
    small_document,
    tone,
    write_project,
)

from pipeline import predict
from pipeline.audio.clips import load_clips
from pipeline.audio.pcm import from_pcm
from pipeline.base import paths
from pipeline.base.entry import run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.paths import FEATURE_STORES, TRAINED
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.features.params import read_feature
from pipeline.store.store import Store, write_store
from pipeline.training.ensemble import load_models, probabilities

pytestmark = saves_models

Array = npt.NDArray[Any]

CENTROID = read_feature("centroid", small_document())
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


def run(*arguments: object) -> None:
    run_main(predict.main, *arguments)


def test_rows_are_the_mean_over_models_and_clips(models: predict.Models) -> None:
    rows = np.random.default_rng(0).normal(800, 400, (3, FRAMES)).astype(np.float16)
    chances = predict.predict_rows(models, rows)
    single = [probabilities(model, rows[i : i + 1])[0] for model, _ in models for i in range(3)]
    np.testing.assert_allclose(chances, np.mean(single, axis=0), atol=1e-6)
    assert chances.sum() == pytest.approx(1, abs=1e-6)


def test_models_have_the_same_weight() -> None:
    def constant(chances: list[float]) -> Any:
        return lambda rows: np.tile(np.array(chances, np.float32), (len(rows), 1))

    predicted = ([1.0, 0.0], [0.4, 0.6], [0.1, 0.9])
    pairs = [(constant(chances), describe()) for chances in predicted]
    chances = predict.predict_rows(pairs, np.zeros((4, FRAMES), np.float16))
    np.testing.assert_allclose(chances, [0.5, 0.5])


def test_verdict_names_the_two_most_likely_genres() -> None:
    assert predict.verdict(["a", "b", "c"], np.array([0.2, 0.5, 0.3])) == {
        "genre": "b",
        "probability": "0.5000",
        "runner_up": "c",
        "runner_up_probability": "0.3000",
        "p_a": "0.2000",
        "p_b": "0.5000",
        "p_c": "0.3000",
    }


def test_prediction_for_a_file_is_that_of_the_stages(
    models: predict.Models, audio: Path, tmp_path: Path
) -> None:
    """The same track goes through segment, extract and the store."""
    path = audio / "stereo.wav"
    samples = np.stack([tone(300, 1).ravel(), tone(700, 2).ravel()], axis=1)
    soundfile.write(path, samples, 5000, subtype="PCM_16")  # to be mixed and resampled
    pcm = load_clips(path, SAMPLE_RATE, SAMPLE_RATE).pcm
    description = {"name": "pcm", "sample_rate": SAMPLE_RATE, "seconds": 1}
    write_store(tmp_path / "clips", description, {"unlabelled/stereo": pcm})
    extract(tmp_path / "clips", "centroid", CENTROID, tmp_path / "centroid")
    [stored] = predict.predict_store(models, tmp_path / "centroid", ["unlabelled/stereo"])
    of_file = predict.predict_file(models, path)
    assert of_file.pop("file") == str(path)
    assert stored.pop("track_id") == "unlabelled/stereo"
    assert of_file == stored


def test_settings_come_from_the_models(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models have another sample rate and transform, and there is no params.yaml."""
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


def test_usable_files_are_printed_and_the_others_listed(
    folder: Path,
    audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(audio)
    names = ["one.wav", "broken.wav", "gone.wav", "a long name.flac"]
    with pytest.raises(SystemExit) as caught:
        run_stage(lambda: run(*names, "--models", folder / TRAINED))
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


def test_table_is_also_written_as_csv(
    folder: Path,
    audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(audio)
    run("one.wav", "--csv", "out/table.csv", "--models", folder / TRAINED)
    out, err = capsys.readouterr()
    assert err == ""
    with Path("out/table.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row == predict.predict_file(load_models(folder / TRAINED), Path("one.wav"))
    assert list(row) == ["file", *predict.COLUMNS, "p_high", "p_low"]
    assert out.splitlines()[1].split() == [row[name] for name in ("file", *predict.COLUMNS)]


@pytest.mark.usefixtures("folder")
def test_csv_without_files_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("--csv", "table.csv")
    assert "error: --csv needs files" in capsys.readouterr().err


def test_stage_predicts_the_unlabelled_tracks_only(
    folder: Path, models: predict.Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    run()
    with paths.UNLABELLED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["track_id"] for row in rows] == list(UNLABELLED)
    assert rows == list(predict.predict_store(models, STORE_FOLDER, UNLABELLED))
    with Store(STORE_FOLDER) as store:
        chances = predict.predict_rows(models, store.rows(UNLABELLED[1]))
    assert rows[1]["p_high"] == f"{chances[0]:.4f}"


def test_store_of_other_features_is_refused(models: predict.Models, tmp_path: Path) -> None:
    rows = np.zeros((1, FRAMES), np.float16)
    write_store(tmp_path / "centroid", {"name": "centroid"}, {"unlabelled/a": rows})
    with pytest.raises(PipelineError, match=r"models were not trained on .*centroid; run `dvc"):
        list(predict.predict_store(models, tmp_path / "centroid", ["unlabelled/a"]))


def test_feature_of_ones_own_cannot_be_computed_for_a_file(audio: Path) -> None:
    own = describe(feature="own", store={"name": "own", "sample_rate": SAMPLE_RATE, "seconds": 1})
    expected = r"^the models were trained on a feature of your own, 'own', which cannot be computed"
    with pytest.raises(PipelineError, match=expected):
        predict.predict_files([(None, own)], [audio / "one.wav"])


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
