"""The command inspect: it finds what the stages would find, and prints it in 100 columns."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from documents import write_params
from encoders import encoded, mp3, written
from helpers import FRAMES, OFFLINE, SMALL, run_main

from pipeline import inspect as command
from pipeline import segment
from pipeline.audio.decode import MARKS
from pipeline.base.cli import duration
from pipeline.base.errors import PipelineError
from pipeline.base.files import METRICS, TRACKS, read_csv, read_json
from pipeline.base.parallel import workers
from pipeline.dataset.tracks import OK, REJECTED, Track
from pipeline.folds.table import ProtocolName, SplitParams
from pipeline.pages.terminal import WIDTH, inspection_text
from pipeline.trials import inspection
from pipeline.trials.inspection import inspect, training_clips, try_protocols

RATE = 8000
CLIPS_PER_SECOND = 5.0
CHANGES = {**SMALL, "split.folds": 3}


def write(path: Path, seconds: float, seed: int = 0, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE))
    soundfile.write(path, samples, RATE, **options)


@pytest.fixture
def music(project: Path) -> Path:
    """Two genres of three tracks, one in two copies; unusable files; one unlabelled track."""
    write_params(project, {**CHANGES, "dataset.path": "music"})
    folder = project / "music"
    for number in range(3):
        write(folder / "blues" / f"{number}.wav", 4, seed=number)
        write(folder / "jazz" / f"{number}.flac", 6, seed=10 + number)
    shutil.copy(folder / "jazz" / "1.flac", folder / "jazz" / "copy.flac")
    write(folder / "unlabelled" / "song.ogg", 3, seed=20)
    (folder / "blues" / "notes.txt").write_text("not music")
    write(folder / "blues" / "short.wav", 0.2)
    whole = (folder / "blues" / "0.wav").read_bytes()
    (folder / "jazz" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "metadata.csv").write_text("track_id,artist\nblues/0,Ann\nblues/1,Bo\n")
    return folder


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the rate of training is asked for; it is said to be CLIPS_PER_SECOND."""
    asked: list[dict[str, Any]] = []
    names = ("model", "params", "train", "template", "n_genres", "clips", "at_once")

    def rate(*values: Any) -> float:
        asked.append(dict(zip(names, values, strict=True)))
        return CLIPS_PER_SECOND

    monkeypatch.setattr(inspection, "clips_per_second", rate)
    return asked


def inspected(changes: Mapping[str, Any] | None = None, by_sound: bool = False) -> dict[str, Any]:
    """Inspect the music with these changes of params.yaml."""
    write_params(Path(), {**CHANGES, "dataset.path": "music", **(changes or {})})
    return inspect(Path("music"), by_sound)


def test_it_finds_what_segment_finds(music: Path) -> None:
    """Of every file, in the same words."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 4 * RATE)
    sound, garbage = mp3(noise, RATE), rng.bytes(3000)
    odd: dict[str, tuple[bytes, str]] = {
        "twice.mp3": (2 * sound, OK),
        "m4a.mp3": (encoded(noise, RATE, ".m4a"), OK),
        "chained.ogg": (2 * written(noise, RATE, "OGG"), OK),
        "garbage.mp3": (sound[:9000] + garbage + sound[9000:], "damaged"),
        "short.opus": (encoded(noise, RATE, ".opus")[:-100], "truncated"),
        "inverted.wav": (written(np.stack([noise, -noise], 1), RATE, "WAV"), "one channel"),
        "scale.wav": (written(noise * 2**15, RATE, "WAV", subtype="FLOAT"), "rescaled"),
        "loud.flac": (written(np.clip(noise * 8, -1, 1), RATE, "FLAC"), "clipped"),
        "both.wav": (written(np.clip(noise, -0.1, 0.1) * 60, RATE, "WAV", subtype="FLOAT"), ""),
        "text.mp3": (b"not music", f"{REJECTED}: unreadable"),
        "index.m4a": (encoded(noise, RATE, ".m4a")[-5000:], f"{REJECTED}: unreadable"),
    }
    for name, (content, _) in odd.items():
        (music / "jazz" / name).write_bytes(content)
    found = inspected()
    segment.main()
    rows = {row["track_id"]: row for row in read_csv(TRACKS)}
    statuses = {f"music/{name}": row["status"] for name, row in rows.items()}
    problems = {name: status for name, status in statuses.items() if status != OK}
    for name, (_, expected) in odd.items():
        assert rows[f"jazz/{Path(name).stem}"]["status"].startswith(expected)
    assert rows["jazz/both"]["status"] == "rescaled; clipped"
    rejected = {path: f"{REJECTED}: {why}" for path, why in found["rejected"].items()}
    told = {**rejected, **found["marked"]}.items()
    assert {path.removesuffix(Path(path).suffix): why for path, why in told} == {
        name.removesuffix(".txt"): why for name, why in problems.items()
    }
    words = (*MARKS, REJECTED)
    assert read_json(METRICS / "segment.json") == {
        "files": found["files"],
        "labelled_tracks": found["tracks"],
        "unlabelled_tracks": found["unlabelled"],
        "clips": found["clips"],
        **{word: sum(word in status for status in statuses.values()) for word in words},
        "known_artist_share": round(found["artists_known"] / found["tracks"], 4),
    }
    assert all(word in str(statuses) for word in words)
    text = inspection_text(found)
    assert "marked: " in text
    assert "rescaled; clipped" in text


@pytest.mark.usefixtures("music")
def test_genres_and_kinds_of_files_are_counted() -> None:
    found = inspected()
    columns = ("genre", "tracks", "rejected", "artists")
    assert [tuple(map(genre.get, columns)) for genre in found["genres"]] == [
        ("", 1, 0, 0),
        ("blues", 3, 2, 2),
        ("jazz", 5, 0, 0),
    ]
    assert found["formats"] == {".wav": 4, ".flac": 4, ".ogg": 1}
    assert found["sample_rates"] == {str(RATE): 9}
    lengths = {"shortest": 2.0, "median": 4.0, "longest": 6.0}
    assert found["lengths"] == pytest.approx(lengths, abs=0.01)


def test_labels_are_questioned_in_the_words_of_segment(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (music / "metadata.csv").write_text("track_id, Artist,album\nblues/0,Ann,One\n")
    warning = (
        "metadata.csv: the column ' Artist' is not read; if it is meant as 'artist', rename it"
    )
    note = "metadata.csv: columns that are not used: album"
    run_main(command.main, "music")
    printed = [capsys.readouterr()]
    segment.main()
    printed.append(capsys.readouterr())
    assert all(f"warning: {warning}\n" in each.err for each in printed)
    assert all(f"{note}\n" in each.out for each in printed)
    found = inspected()
    assert (found["warnings"], found["note"]) == ([warning], note)
    shutil.copytree(music / "blues", music / "Blues")
    for main in (inspected, segment.main):
        with pytest.raises(
            PipelineError, match=r"^music: genres that are one to a reader: 'Blues'"
        ):
            main()
    (music / "pipe.wav").symlink_to("/dev/zero")
    with pytest.raises(PipelineError, match=r"^music: pipe.wav \(a device: remove it\)$"):
        inspected()


def test_copies_are_found_by_their_samples_or_by_their_sound(music: Path) -> None:
    exact = [["jazz/1", "jazz/copy"]]
    assert inspected()["replicas"] == {"by_sound": False, "pairs": exact}
    samples, _ = soundfile.read(music / "jazz" / "2.flac")
    soundfile.write(music / "jazz" / "softer.wav", 0.5 * samples, RATE)
    by_sound = {"by_sound": True, "pairs": [*exact, ["jazz/2", "jazz/softer"]]}
    assert inspected(by_sound=True)["replicas"] == by_sound


def test_every_protocol_is_tried(music: Path) -> None:
    protocols = inspected()["protocols"]
    fine = {"folds": 3, "tested_tracks": 8, "warnings": []}
    assert protocols["song"] == protocols["clip"] == protocols["artist"] == fine
    assert "is a split of GTZAN" in protocols["filtered"]["problem"]
    assert "needs a column fold or split" in protocols["given"]["problem"]
    names = [f"blues/{number},Ann" for number in range(3)]
    (music / "metadata.csv").write_text("\n".join(["track_id,artist", *names]))
    scarce, untrained = inspected()["protocols"]["artist"]["warnings"]
    assert scarce == (
        "genres with fewer artists than the 3 folds, so that not every fold tests them: blues (1)"
    )
    assert "tests genre 'blues' but has no track of it in training" in untrained
    (music / "metadata.csv").unlink()
    assert "no artist is known" in inspected()["protocols"]["artist"]["problem"]


@pytest.mark.usefixtures("music")
def test_times_are_of_the_stages_and_features_that_will_run() -> None:
    chosen = {"extract.features": ["centroid"]}
    needed = inspected(chosen)["seconds_needed"]
    assert needed.keys() == {"workers", "segment", "extract", "replicas", "train"}
    assert needed["extract"].keys() == {"centroid"}
    assert all(needed[name] > 0 for name in ("segment", "replicas"))


@pytest.mark.usefixtures("music")
def test_training_is_measured_as_it_will_be(asked: list[dict[str, Any]]) -> None:
    inspected(OFFLINE)
    inspected()
    augmented, plain = asked
    template = plain["template"]
    assert (template.shape, template.dtype) == ((0, FRAMES), np.float16)
    assert plain["clips"] > 0
    assert augmented["clips"] == (1 + OFFLINE["augment.copies"]) * plain["clips"]
    assert plain["train"].precision == SMALL["train.precision"]
    assert [plain[name] for name in ("model", "n_genres", "at_once")] == [
        "ann",
        2,
        min(CHANGES["split.folds"], workers()),
    ]


@pytest.mark.usefixtures("music")
def test_training_takes_longer_with_more_epochs_and_less_if_it_stops_early() -> None:
    needed = inspected({"models.ann.patience": 0})
    twice = inspected({"models.ann.epochs": 2 * SMALL["models.ann.epochs"]})
    once, longer = (found["seconds_needed"]["train"] for found in (needed, twice))
    assert longer["seconds"] == pytest.approx(2 * once["seconds"])
    assert (once["stops_early"], longer["stops_early"]) == (False, True)
    for found, end in ((needed, ""), (twice, ", or less, as it may stop early")):
        header, *lines = inspection_text(found).split("\n\n")[-1].splitlines()
        assert header.endswith("as measured here:")
        time = duration(found["seconds_needed"]["train"]["seconds"])
        assert lines[-1] == f"  train     {time} (5 clips/s in each fold){end}"


# Four folds are trained on 28, 28, 28 and 30 clips of 1 s, and each seed of the split on 26.
@pytest.mark.parametrize(
    ("column", "workers", "clips"),
    [("fold", 1, 4 * 30), ("fold", 3, 2 * 30), ("fold", 8, 30), ("split", 1, 2 * 26)],
)
def test_training_takes_as_long_as_its_folds_at_the_most(
    column: str, workers: int, clips: int, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", str(workers))
    named = {
        "fold": "blues/0,a blues/1,b blues/2,c jazz/0,a jazz/1,b jazz/2,c jazz/copy,d jazz/cut,d",
        "split": "blues/0,train blues/1,train blues/2,test jazz/0,train jazz/1,train jazz/2,test "
        "jazz/copy,train",
    }
    (music / "metadata.csv").write_text("\n".join([f"track_id,{column}", *named[column].split()]))
    needed = inspected({"split.protocol": "given", "split.seeds": 2})["seconds_needed"]
    expected = clips * SMALL["models.ann.epochs"] / CLIPS_PER_SECOND
    assert needed["train"]["seconds"] == pytest.approx(expected)


@pytest.mark.usefixtures("music")
def test_nothing_is_trained_by_a_protocol_that_cannot_be_used(asked: list[dict[str, Any]]) -> None:
    found = inspected({"split.protocol": "filtered"})
    assert found["seconds_needed"]["train"] is None
    assert "train     " not in inspection_text(found)
    assert asked == []


@pytest.mark.usefixtures("music")
def test_a_network_that_cannot_take_the_rows_is_not_measured(asked: list[dict[str, Any]]) -> None:
    assert inspected({"model": "cnn"})["seconds_needed"]["train"] is None
    assert asked == []


@pytest.mark.parametrize("protocol", ["song", "artist", "clip"])
def test_every_clip_is_trained_on_in_all_folds_but_one(protocol: ProtocolName) -> None:
    tracks = [
        Track(f"{genre}/{number}", genre, f"{genre} {number}", "", "", number, "")
        for genre in ("blues", "jazz")
        for number in range(1, 6)
    ]
    params = SplitParams(
        protocol="song", folds=3, judge="test", seeds=2, least_tracks=0, group="artist"
    )
    trained = training_clips(try_protocols(tracks, params, 1)[protocol], tracks)
    assert len(trained) == 3
    assert sum(trained) == 2 * sum(track.clips for track in tracks)


def test_the_text_has_all_of_it_in_a_hundred_columns(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        (music / "blues" / f"{number} {'very ' * 40}long.txt").write_text("not music")
    (music / f"{'x' * 200}").mkdir()
    write(music / f"{'x' * 200}" / "a\nb\x1b[31m.wav", 2)
    run_main(command.main, "music", "--replicas")
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text
    assert "9 labelled and 1 unlabelled tracks" in text
    assert "rejected: 32" in text
    assert "not audio (.txt)" in text
    assert "... and 22 more; --json has them all" in text
    assert "by their sound): 1" in text
    for name in ("song", "artist", "filtered", "given", "clip"):
        assert f"\n  {name} " in text


@pytest.mark.usefixtures("music")
def test_json_is_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    run_main(command.main, "--json")  # of dataset.path
    printed = json.loads(capsys.readouterr().out)
    assert printed["folder"] == "music"
    assert {**printed, "seconds_needed": {}} == {**inspected(), "seconds_needed": {}}
    assert inspection_text(printed)


def test_a_folder_without_a_usable_file_is_described_all_the_same(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "music" / "rock").mkdir()
    (project / "music" / "rock" / "a.wav").touch()
    run_main(command.main, "music")
    text = capsys.readouterr().out
    assert "split.least_tracks: 1\n  rock  0 of 1 file can be used (empty file: 1)" in text
    write_params(project, {**CHANGES, "split.least_tracks": 5})
    run_main(command.main, "music")
    assert "left out, as split.least_tracks = 5: 1\n  rock  0 of 1 file" in capsys.readouterr().out
    assert "empty file" in text
    assert "genres with usable tracks: none" in text
    assert "train" not in text


@pytest.mark.usefixtures("music")
@pytest.mark.parametrize(
    ("changes", "folder", "message"),
    [
        ({"extract.centroid.n_fft": 8192}, "music", r"^extract\.centroid\.n_fft = 8192: should be"),
        ({}, "gone", "^gone: no such folder"),
    ],
)
def test_what_cannot_be_inspected_is_named(
    changes: Mapping[str, Any], folder: str, message: str
) -> None:
    write_params(Path(), {**CHANGES, **changes})
    with pytest.raises(PipelineError, match=message):
        run_main(command.main, folder)
