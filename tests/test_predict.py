"""The stage and the command: what is printed, written, gone on with, refused and kept."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import (
    SAMPLE_RATE,
    UNLABELLED,
    describe,
    run_main,
    save_untrained,
    saves_models,
    tone,
    write_project,
)
from project import ROOT

from pipeline import predict
from pipeline.base import files as paths
from pipeline.base.cli import RESUMES, clean, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES, SCORES, TRAINED, read_csv, write_json
from pipeline.features.centroid import Centroid
from pipeline.prediction import audio_files
from pipeline.prediction.audio_files import VERDICT_COLUMNS, file_row
from pipeline.prediction.classifier import Classifier, Prediction
from pipeline.prediction.ensemble import Models, load_models, models_digest, predict_clips
from pipeline.store.store import Store

pytestmark = saves_models

USED = "ann on centroid: the mean of 2 models and of a file's clips"
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
def audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, without params.yaml: two usable files, and one that is broken."""
    monkeypatch.chdir(tmp_path)
    for name, pitch in (("one.wav", 300.0), ("a long name.flac", 900.0)):
        soundfile.write(tmp_path / name, tone(pitch, 1).ravel(), SAMPLE_RATE, subtype="PCM_16")
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    return tmp_path


def album(folder: Path, *names: str) -> Path:
    """A folder of short audio files, all different."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(200 + 50 * number, number).ravel(), SAMPLE_RATE)
    return folder


def run(*arguments: object) -> None:
    run_main(predict.main, *arguments)


def judge(folder: Path, *arguments: object) -> None:
    """Predict files by the models of the small project."""
    run(*arguments, "--models", folder / TRAINED)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("audio")
def test_usable_files_are_printed_and_the_others_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["one.wav", "broken.wav", "gone.wav", "a long name.flac"]
    with pytest.raises(SystemExit, match="2"):
        run_stage(lambda: judge(folder, *names))
    out, err = capsys.readouterr()
    shown = [line.split("  ")[0] for line in out.splitlines()]
    assert shown == ["file", "one.wav", "a long name.flac"]
    by, broken, gone, last = err.splitlines()
    assert by == USED
    assert broken.startswith("rejected: broken.wav: ")
    assert gone == "rejected: gone.wav: No such file or directory"
    assert last == "error: 2 of 4 files cannot be used"


@pytest.mark.usefixtures("audio")
def test_the_accuracy_is_that_of_the_models_or_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = models_digest(folder / TRAINED)
    for digest, text in (
        (ours, "; right about 62.5 % of the tested tracks"),
        ("another", "; metrics/ is of other models"),
    ):
        digests = {TRAINED.as_posix(): digest}
        write_json(SCORES, {"track_accuracy_mean": 0.625, "sha256": digests})
        judge(folder, "one.wav")
        assert capsys.readouterr().err == f"{USED}{text}\n"
    SCORES.write_text("{")
    judge(folder, "one.wav")
    assert capsys.readouterr().err == f"{USED}\n"


@pytest.mark.usefixtures("audio")
def test_the_table_is_also_written_as_csv(
    folder: Path, models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(folder, "one.wav", "--csv", "out/table.csv")
    out, err = capsys.readouterr()
    assert err == f"{USED}\n"
    [row] = read_csv(Path("out/table.csv"))
    song = Path("one.wav")
    assert row == file_row(song, Classifier(models).predict(song))
    assert list(row) == ["file", *VERDICT_COLUMNS, "p_high", "p_low"]
    assert out.splitlines()[1].split() == [row[name] for name in ("file", *VERDICT_COLUMNS)]


@pytest.mark.usefixtures("audio")
def test_the_strongest_tags_are_shown_where_the_feature_has_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Centroid, "tag_names", ("bright", "dark"))
    monkeypatch.setattr(Centroid, "tags", lambda _, rows: np.tile([0.25, 0.75], (len(rows), 1)))
    outputs = ("--csv", "table.csv", "--page", "page.html")
    judge(folder, "one.wav", *outputs)
    head, line = capsys.readouterr().out.splitlines()
    assert head.endswith("tags")
    assert line.endswith("dark 75 %, bright 25 %")
    assert read_csv(Path("table.csv"))[0]["tags"] == "dark 75 %, bright 25 %"
    assert '"tags":["dark 75 %","bright 25 %"]' in Path("page.html").read_text(encoding="utf-8")
    judge(folder, "one.wav", "--csv", "table.csv", "--resume")
    assert "predicted before: 1 file; left: " in capsys.readouterr().err


def test_the_stage_predicts_the_unlabelled_tracks_only(
    folder: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    run()
    rows = read_csv(paths.UNLABELLED)
    assert [row["track_id"] for row in rows] == list(UNLABELLED)
    by_clip = read_csv(paths.UNLABELLED_CLIPS)
    for row in rows:
        own = [float(clip["p_high"]) for clip in by_clip if clip["track_id"] == row["track_id"]]
        assert len(own) == 2
        assert float(row["p_high"]) == pytest.approx(np.mean(own), abs=1e-4)
    with Store(STORE_FOLDER) as store:
        chances = predict_clips(models, store.rows(UNLABELLED[1])).mean(axis=0)
    assert rows[1]["p_high"] == f"{chances[0]:.4f}"


def test_folders_stand_for_all_audio_files_below_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music = album(tmp_path / "album", "b.wav", "sub/a.flac", "sub/c.ogg", ".hidden.wav")
    (music / "cover.jpg").write_bytes(b"a picture")
    (music / "sub" / "loop").symlink_to(music)
    judge(folder, music, music / "b.wav")
    names = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert names == [str(music / name) for name in ("b.wav", "sub/a.flac", "sub/c.ogg")]
    with pytest.raises(PipelineError, match="no audio files in this folder"):
        judge(folder, folder / TRAINED)
    os.rename(music / "b.wav", os.fsencode(music) + b"/caf\xe9.wav")  # which is not UTF-8
    judge(folder, music, "--csv", tmp_path / "t.csv")
    assert read_csv(tmp_path / "t.csv")[0]["file"] == f"{music}/caf\\xe9.wav"


@pytest.mark.parametrize("cut", [0, 1, 30], ids=["whole", "no newline", "half a row"])
def test_a_table_is_gone_on_with(
    folder: Path, tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was written of its last row."""
    music, table = album(tmp_path / "m", "a.wav", 'b "x"\ny.wav', "c.wav"), tmp_path / "t.csv"
    judge(folder, music, "--csv", table)
    whole = table.read_bytes()
    names = [row["file"] for row in read_csv(table)]
    assert names == [str(path) for path in sorted(music.iterdir())]
    lines = whole.splitlines(keepends=True)
    begun = b"".join(lines[:-1])  # the last file's row is missing
    table.write_bytes(begun[: len(begun) - cut])
    capsys.readouterr()
    judge(folder, music, "--csv", table, "--resume")
    assert table.read_bytes() == whole
    out, err = capsys.readouterr()
    predicted = [name for name in names if clean(name) in out]
    assert predicted == (names[2:] if cut == 0 else names[1:])
    before = f"{3 - len(predicted)} file{'s' if cut == 0 else ''}"
    assert f"predicted before: {before}; left: {len(predicted)}\n" in err


def test_a_table_of_other_columns_is_begun_anew_but_not_gone_on_with(
    folder: Path, tmp_path: Path
) -> None:
    music, table = album(tmp_path / "m", "a.wav"), tmp_path / "t.csv"
    table.write_text("file,genre,p_polka\n")
    command = (music, "--csv", table, "--models", folder / TRAINED)
    with pytest.raises(PipelineError, match=r"its columns are file, genre, p_polka, and not"):
        run(*command, "--resume")
    assert table.read_text() == "file,genre,p_polka\n"
    run(*command)
    assert [row["file"] for row in read_csv(table)] == [str(music / "a.wav")]


def test_rows_are_in_the_table_before_the_next_file_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music, table = album(tmp_path / "m", "a.wav", "b.wav", "c.wav"), tmp_path / "t.csv"
    seen = []

    predict_sound = Classifier.predict

    def watched(classifier: Classifier, path: Path) -> Prediction:
        seen.append(len(read_csv(table)))
        if path.name == "c.wav":
            raise KeyboardInterrupt
        return predict_sound(classifier, path)

    monkeypatch.setattr(Classifier, "predict", watched)
    with pytest.raises(KeyboardInterrupt):
        judge(folder, music, "--csv", table)
    assert seen == [0, 1, 2]
    assert len(read_csv(table)) == 2


def test_an_interruption_says_where_the_rows_are(
    folder: Path, audio: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (audio / "l.txt").write_text("of an earlier run")
    monkeypatch.setattr(Classifier, "predict", interrupted)
    for options, kept in (
        ("--labels l.txt", ""),
        ("--csv t.csv", "; the rows so far are in t.csv: repeat the command with --resume"),
        ("--csv t.csv --labels l.txt", "; the rows so far are in t.csv"),
    ):
        with pytest.raises(SystemExit, match="130"):
            run_stage(partial(judge, folder, "one.wav", *options.split()), kept="")
        assert capsys.readouterr().err == f"{USED}\ninterrupted{kept}\n"
        assert Path("t.csv").exists() == ("--csv" in options)
        assert Path("l.txt").read_text() == "of an earlier run"


def test_an_interruption_of_the_stage_says_that_the_next_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(audio_files, "predict_store", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run_stage(run, kept="")
    assert capsys.readouterr().err == f"interrupted; {RESUMES}\n"


@pytest.mark.usefixtures("audio")
def test_a_song_is_written_along_the_time(folder: Path, models: Models) -> None:
    table, labels, page = (Path("out", name) for name in ("t.csv", "l.txt", "p.html"))
    outputs = ("--over-time", table, "--labels", labels, "--page", page)
    judge(folder, "one.wav", *outputs)
    chances = Classifier(models).predict("one.wav").clips
    rows = read_csv(table)
    assert [row["probability"] for row in rows] == [f"{clip.max():.4f}" for clip in chances]
    assert labels.read_text(encoding="utf-8").startswith(f"0.000000\t{len(chances)}.000000\t")
    assert '"sound":"data:audio/ogg;base64,' in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("audio")
def test_rejected_files_are_listed_although_an_output_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        judge(folder, "one.wav", "broken.wav", "--labels", "l.txt")
    assert capsys.readouterr().err.startswith(f"{USED}\nrejected: broken.wav: ")


def test_where_no_file_can_be_used_the_outputs_remain(folder: Path, audio: Path) -> None:
    (audio / "l.txt").write_text("of an earlier run")
    with pytest.raises(PipelineError, match=r"^1 of 1 file cannot be used$"):
        judge(folder, "broken.wav", "--labels", "l.txt", "--page", "p.html")
    assert (audio / "l.txt").read_text() == "of an earlier run"
    assert not (audio / "p.html").exists()


OUTPUTS = ["--csv", "--page", "--over-time", "--labels"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("a.wav --resume", "--resume needs --csv"),
        *((f"{option} out", f"{option} needs files") for option in OUTPUTS),
        *(
            (f"a.wav --csv t.csv --resume {option} out", "--resume cannot be combined with --page")
            for option in OUTPUTS[1:]
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: str, reason: str, audio: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(audio.iterdir())
    with pytest.raises(SystemExit, match="2"):
        run(*arguments.split())
    assert f"error: {reason}" in capsys.readouterr().err
    assert sorted(audio.iterdir()) == before


@pytest.mark.parametrize("option", OUTPUTS)
def test_an_output_that_cannot_be_written_is_refused_before_the_models_are_read(
    option: str, tmp_path: Path
) -> None:
    with pytest.raises(PipelineError, match=r"is a folder; name a file in it$"):
        run(tmp_path / "a.wav", option, tmp_path, "--models", tmp_path / "none")


HOURS, BOUND_MB = 3, 64
# The peak of a process can be set back, unlike `ru_maxrss`, which even outlives an exec.
LONG = """
import re, sys
from pathlib import Path
from pipeline import Classifier
classifier = Classifier.load(sys.argv[1])
for path in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5")
    clips = len(classifier.predict(path).clips)
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
    arguments = [folder / TRAINED, tmp_path / "short.wav", tmp_path / "long.wav"]
    command = [sys.executable, "-c", LONG, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    short, long = ([int(word) for word in line.split()] for line in done.stdout.splitlines())
    assert (short[0], long[0]) == (240, 3600 * HOURS)
    assert long[1] - short[1] < BOUND_MB * 1024
