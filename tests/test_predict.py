"""Predictions for files and for a store, by the mean of all models."""

import csv
import os
import subprocess
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
    run_main,
    save_untrained,
    saves_models,
    small_document,
    tone,
    write_project,
)
from project import ROOT

from pipeline import predict
from pipeline.audio.clips import from_pcm
from pipeline.audio.decode import load_clips
from pipeline.base import files as paths
from pipeline.base.cli import RESUMES, clean, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES, TRAINED, read_csv
from pipeline.extract import extract
from pipeline.features.centroid import Centroid
from pipeline.features.shared.feature import read_feature
from pipeline.prediction.ensemble import (
    PREDICT_ROWS,
    Models,
    load_models,
    predict_clips,
    probabilities,
)
from pipeline.prediction.files import (
    VERDICT_COLUMNS,
    Prediction,
    Row,
    format_table,
    predict_sound,
    verdict,
)
from pipeline.store.store import Store, write_store

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
def models(folder: Path) -> Models:
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


def test_rows_are_the_mean_over_models_and_clips(models: Models) -> None:
    rows = np.random.default_rng(0).normal(800, 400, (3, FRAMES)).astype(np.float16)
    chances = predict_clips(models, rows).mean(axis=0)
    single = [probabilities(model, rows[i : i + 1])[0] for model, _ in models for i in range(3)]
    np.testing.assert_allclose(chances, np.mean(single, axis=0), atol=1e-6)
    assert chances.sum() == pytest.approx(1, abs=1e-6)


def test_models_have_the_same_weight() -> None:
    def constant(chances: list[float]) -> Any:
        return lambda rows: np.tile(np.array(chances, np.float32), (len(rows), 1))

    predicted = ([1.0, 0.0], [0.4, 0.6], [0.1, 0.9])
    pairs = [(constant(chances), describe()) for chances in predicted]
    chances = predict_clips(pairs, np.zeros((4, FRAMES), np.float16))
    np.testing.assert_allclose(chances, [[0.5, 0.5]] * 4)


def test_verdict_names_the_two_most_likely_genres() -> None:
    assert verdict(["a", "b", "c"], np.array([0.2, 0.5, 0.3])) == {
        "genre": "b",
        "probability": "0.5000",
        "runner_up": "c",
        "runner_up_probability": "0.3000",
        "p_a": "0.2000",
        "p_b": "0.5000",
        "p_c": "0.3000",
    }


def test_prediction_for_a_file_is_that_of_the_stages(
    models: Models, audio: Path, tmp_path: Path
) -> None:
    """The same track goes through segment, extract and the store."""
    path = audio / "stereo.wav"
    samples = np.stack([tone(300, 1).ravel(), tone(700, 2).ravel()], axis=1)
    soundfile.write(path, samples, 5000, subtype="PCM_16")  # to be mixed and resampled
    pcm = load_clips(path, SAMPLE_RATE, SAMPLE_RATE).pcm
    description = {"name": "pcm", "sample_rate": SAMPLE_RATE, "seconds": 1}
    write_store(tmp_path / "clips", description, {"unlabelled/stereo": pcm})
    extract(tmp_path / "clips", "centroid", CENTROID, tmp_path / "centroid")
    [(track_id, clips)] = predict.predict_store(
        models, tmp_path / "centroid", ["unlabelled/stereo"]
    )
    [of_file], _ = predict.predict_files(models, [path])
    assert of_file.pop("file") == str(path)
    assert track_id == "unlabelled/stereo"
    assert of_file == verdict(models[0][1].genres, clips.mean(axis=0))


def test_settings_come_from_the_models(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models have another sample rate and transform, and there is no params.yaml."""
    monkeypatch.chdir(audio)
    params = {"n_fft": 512, "hop_length": 800}
    store = {"name": "centroid", "sample_rate": 8000, "seconds": 1, "params": params}
    model = save_untrained(tmp_path / "other", describe(store=store))
    soundfile.write("eight.wav", tone(300, 3, clips=2).ravel(), 8000, subtype="PCM_16")
    models = load_models(tmp_path / "other")
    [row], _ = predict.predict_files(models, [Path("eight.wav")])
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
    rows, _ = predict.predict_files(load_models(folder / TRAINED), [Path("one.wav")])
    assert [row] == rows
    assert list(row) == ["file", *VERDICT_COLUMNS, "p_high", "p_low"]
    assert out.splitlines()[1].split() == [row[name] for name in ("file", *VERDICT_COLUMNS)]


def test_the_strongest_tags_are_told_where_the_feature_has_them(
    folder: Path, audio: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(audio)
    monkeypatch.setattr(Centroid, "tag_names", ("bright", "dark"))
    monkeypatch.setattr(Centroid, "tags", lambda _, rows: np.tile([0.25, 0.75], (len(rows), 1)))
    outputs = ("--csv", "table.csv", "--page", "page.html")
    run("one.wav", *outputs, "--models", folder / TRAINED)
    head, line = capsys.readouterr().out.splitlines()
    assert head.endswith("tags")
    assert line.endswith("dark 75 %, bright 25 %")
    assert rows_of(Path("table.csv"))[0]["tags"] == "dark 75 %, bright 25 %"
    assert '"tags":["dark 75 %","bright 25 %"]' in Path("page.html").read_text(encoding="utf-8")
    run("one.wav", "--csv", "table.csv", "--resume", "--models", folder / TRAINED)
    assert "1 files were predicted before" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_csv_without_files_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("--csv", "table.csv")
    assert "error: --csv needs files" in capsys.readouterr().err


def test_stage_predicts_the_unlabelled_tracks_only(
    folder: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    run()
    with paths.UNLABELLED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["track_id"] for row in rows] == list(UNLABELLED)
    by_clip = read_csv(paths.UNLABELLED_CLIPS)
    for row in rows:
        own = [float(clip["p_high"]) for clip in by_clip if clip["track_id"] == row["track_id"]]
        assert len(own) == 2
        assert float(row["p_high"]) == pytest.approx(np.mean(own), abs=1e-4)
    with Store(STORE_FOLDER) as store:
        chances = predict_clips(models, store.rows(UNLABELLED[1])).mean(axis=0)
    assert rows[1]["p_high"] == f"{chances[0]:.4f}"


def test_store_of_other_features_is_refused(models: Models, tmp_path: Path) -> None:
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
    def row(name: str, genre: str, runner_up: str) -> Row:
        cells = (name, genre, "0.9000", runner_up, "0.0500")
        return dict(zip(["file", *VERDICT_COLUMNS], cells, strict=True))

    lines = format_table(
        [row("a.wav", "hiphop", "pop"), row("a longer name.wav", "pop", "classical")]
    ).splitlines()
    assert len(lines) == 3
    for column in ("genre", "probability", "runner_up", "runner_up_probability"):
        start = lines[0].index(f" {column}") + 1
        assert all(line[start - 2 : start] == "  " and line[start] != " " for line in lines[1:])
    assert all(line == line.rstrip() for line in lines)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def album(folder: Path, *names: str) -> Path:
    """A folder of short audio files, all different."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(200 + 50 * number, number).ravel(), SAMPLE_RATE)
    return folder


def test_folders_stand_for_all_audio_files_below_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music = album(tmp_path / "album", "b.wav", "sub/a.flac", "sub/c.ogg", ".hidden.wav")
    (music / "cover.jpg").write_bytes(b"a picture")
    (music / "sub" / "loop").symlink_to(music)
    run(music, music / "b.wav", "--models", folder / TRAINED)
    files = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert files == [str(music / name) for name in ("b.wav", "sub/a.flac", "sub/c.ogg")]


def test_a_folder_without_audio_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PipelineError, match="no audio files in this folder"):
        run(tmp_path, "--models", folder / TRAINED)


@pytest.mark.parametrize("cut", [0, 1, 30], ids=["whole", "no newline", "half a row"])
def test_a_table_is_gone_on_with(
    folder: Path, tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was written of its last row."""
    music, table = album(tmp_path / "m", "a.wav", 'b "x"\ny.wav', "c.wav"), tmp_path / "t.csv"
    run(music, "--csv", table, "--models", folder / TRAINED)
    whole = table.read_bytes()
    names = [row["file"] for row in rows_of(table)]
    assert names == [str(path) for path in sorted(music.iterdir())]
    lines = whole.splitlines(keepends=True)
    begun = b"".join(lines[:-1])  # the last file's row is missing
    table.write_bytes(begun[: len(begun) - cut])
    capsys.readouterr()
    run(music, "--csv", table, "--resume", "--models", folder / TRAINED)
    assert table.read_bytes() == whole
    out, err = capsys.readouterr()
    predicted = [name for name in names if clean(name) in out]
    assert predicted == (names[2:] if cut == 0 else names[1:])
    assert f"{3 - len(predicted)} files were predicted before, {len(predicted)} are left" in err


def test_without_resume_a_table_begins_anew(folder: Path, tmp_path: Path) -> None:
    music, table = album(tmp_path / "m", "a.wav"), tmp_path / "t.csv"
    table.write_text("something else")
    run(music, "--csv", table, "--models", folder / TRAINED)
    assert len(rows_of(table)) == 1


def test_a_table_of_other_columns_is_not_gone_on_with(folder: Path, tmp_path: Path) -> None:
    music, table = album(tmp_path / "m", "a.wav"), tmp_path / "t.csv"
    table.write_text("file,genre,p_polka\n")
    with pytest.raises(PipelineError, match=r"its columns are file, genre, p_polka, and not"):
        run(music, "--csv", table, "--resume", "--models", folder / TRAINED)
    assert table.read_text() == "file,genre,p_polka\n"


def test_resume_needs_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, "--resume")
    assert "error: --resume needs --csv" in capsys.readouterr().err


def test_rows_are_in_the_table_before_the_next_file_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music, table = album(tmp_path / "m", "a.wav", "b.wav", "c.wav"), tmp_path / "t.csv"
    seen = []

    def watched(models: Models, path: Path) -> Prediction:
        seen.append(len(rows_of(table)))
        if path.name == "c.wav":
            raise KeyboardInterrupt
        return predict_sound(models, path)

    monkeypatch.setattr(predict, "predict_sound", watched)
    with pytest.raises(KeyboardInterrupt):
        run(music, "--csv", table, "--models", folder / TRAINED)
    assert seen == [0, 1, 2]
    assert len(rows_of(table)) == 2


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ((), ""),
        (("--labels", "l.txt"), ""),
        (("--csv", "t.csv"), "; the rows so far are in t.csv: repeat the command with --resume"),
        (("--csv", "t.csv", "--labels", "l.txt"), "; the rows so far are in t.csv"),
    ],
    ids=["nothing", "labels", "table", "both"],
)
def test_an_interruption_says_where_the_rows_are(
    options: tuple[str, ...],
    kept: str,
    folder: Path,
    audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(audio)
    monkeypatch.setattr(predict, "predict_sound", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run_stage(lambda: run("one.wav", "--models", folder / TRAINED, *options), kept="")
    assert capsys.readouterr().err == f"interrupted{kept}\n"
    assert Path("t.csv").exists() == ("--csv" in options)


def test_an_interruption_of_the_stage_says_that_the_next_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(predict, "predict_store", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run_stage(run, kept="")
    assert capsys.readouterr().err == f"interrupted; {RESUMES}\n"


def test_a_name_that_is_not_utf8_is_escaped(folder: Path, tmp_path: Path) -> None:
    music, table = album(tmp_path / "m", "a.wav"), tmp_path / "t.csv"
    os.rename(music / "a.wav", os.fsencode(music) + b"/caf\xe9.wav")
    run(music, "--csv", table, "--models", folder / TRAINED)
    assert rows_of(table)[0]["file"] == f"{music}/caf\\xe9.wav"


def test_a_long_file_is_predicted_as_if_it_were_whole(models: Models, tmp_path: Path) -> None:
    clips = 2 * PREDICT_ROWS + 3
    soundfile.write(tmp_path / "a.wav", tone(300, 1, clips).ravel(), SAMPLE_RATE, "PCM_16")
    pcm = load_clips(tmp_path / "a.wav", SAMPLE_RATE, SAMPLE_RATE).pcm
    expected = predict_clips(models, CENTROID(from_pcm(pcm), SAMPLE_RATE))
    np.testing.assert_array_equal(predict_sound(models, tmp_path / "a.wav").probabilities, expected)


HOURS, BOUND_MB = 3, 64
# The peak of a process can be set back, unlike `ru_maxrss`, which even outlives an exec.
LONG = """
import re, sys
from pathlib import Path
from pipeline import predict
models = predict.load_models(Path(sys.argv[1]))
for path in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5")
    clips = len(predict.predict_sound(models, Path(path)).probabilities)
    print(clips, re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux has it")
def test_hours_take_no_more_memory_than_minutes(folder: Path, tmp_path: Path) -> None:
    """A few minutes fill the blocks; what three hours take beyond that is bounded."""
    second = np.random.default_rng(0).integers(-9000, 9000, (8000, 2), np.int16)
    for name, minutes in (("short.wav", 4), ("long.wav", 60 * HOURS)):
        with soundfile.SoundFile(tmp_path / name, "w", 8000, 2, "PCM_16") as file:
            for _ in range(minutes):
                file.write(np.tile(second, (60, 1)))
    paths = [folder / TRAINED, tmp_path / "short.wav", tmp_path / "long.wav"]
    command = [sys.executable, "-c", LONG, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    short, long = ([int(word) for word in line.split()] for line in done.stdout.splitlines())
    assert (short[0], long[0]) == (240, 3600 * HOURS)
    assert long[1] - short[1] < BOUND_MB * 1024


def test_a_song_is_written_along_the_time(folder: Path, tmp_path: Path) -> None:
    music = album(tmp_path / "m", "a.wav")
    table, labels, page = (tmp_path / "out" / name for name in ("t.csv", "l.txt", "p.html"))
    outputs = ("--over-time", table, "--labels", labels, "--page", page)
    run(music / "a.wav", "--models", folder / TRAINED, *outputs)
    chances = predict_sound(load_models(folder / TRAINED), music / "a.wav").probabilities
    rows = rows_of(table)
    assert [row["probability"] for row in rows] == [f"{clip.max():.4f}" for clip in chances]
    assert float(rows[-1]["end"]) == len(chances)
    assert labels.read_text(encoding="utf-8").startswith("0.000000\t")
    assert '"sound":"data:audio/ogg;base64,' in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--page", "--over-time", "--labels"])
def test_outputs_of_songs_are_of_all_files(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that a table to go on with has already are not predicted again."""
    table = tmp_path / "t.csv"
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, "--csv", table, "--resume", option, tmp_path / "out")
    assert "error: --resume cannot be combined with --page" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--page", "--over-time", "--labels"])
def test_outputs_of_songs_need_songs(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(option, "out")
    assert f"error: {option} needs files" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--csv", "--page", "--over-time", "--labels"])
def test_an_output_that_cannot_be_written_is_refused_before_the_models_are_read(
    option: str, tmp_path: Path
) -> None:
    with pytest.raises(PipelineError, match=r"is a folder; name a file in it$"):
        run(tmp_path / "a.wav", option, tmp_path, "--models", tmp_path / "none")


def test_rejected_files_are_listed_although_an_output_fails(
    folder: Path,
    audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.chdir(audio)
    monkeypatch.setattr(predict, "write_labels", full)
    with pytest.raises(OSError, match="no space left"):
        run("one.wav", "broken.wav", "--labels", "l.txt", "--models", folder / TRAINED)
    assert capsys.readouterr().err.startswith("rejected: broken.wav: ")
