"""The command inspect: it finds what the stages would find, and says it in 100 columns."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from documents import write_params
from helpers import SMALL

from pipeline import inspect, segment
from pipeline.base.errors import PipelineError
from pipeline.base.files import TRACKS, read_csv
from pipeline.base.params import read_section
from pipeline.dataset.tracks import REJECTED, TRUNCATED, Track
from pipeline.folds.table import SplitParams
from pipeline.pages.terminal import WIDTH, inspection_text
from pipeline.trials.inspection import RATES_FOR_ANY_SIZE

RATE = 8000
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


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["inspect", *map(str, arguments)])
    inspect.main()


def test_it_finds_what_segment_finds(music: Path) -> None:
    found = inspect.inspect(music, by_sound=False)
    segment.main()
    rows = read_csv(TRACKS)
    rejected = {row["track_id"]: row["status"] for row in rows if row["clips"] == "0"}
    assert {
        Path(path).name.partition(".")[0]: f"{REJECTED}: {reason}"
        for path, reason in found["rejected"].items()
    } == {name.partition("/")[2].partition(".")[0]: text for name, text in rejected.items()}
    assert len(found["truncated"]) == sum(row["status"] == TRUNCATED for row in rows) == 1
    counts = json.loads(segment.COUNTS.read_text())
    assert counts == {
        "files": found["files"],
        "labelled_tracks": found["tracks"],
        "unlabelled_tracks": found["unlabelled"],
        "clips": found["clips"],
        "rejected": len(found["rejected"]),
        "truncated": len(found["truncated"]),
        "known_artist_share": round(found["artists_known"] / found["tracks"], 4),
    }


def test_genres_and_kinds_of_files_are_counted(music: Path) -> None:
    found = inspect.inspect(music, by_sound=False)
    assert [(each["genre"], each["tracks"], each["rejected"]) for each in found["genres"]] == [
        ("", 1, 0),
        ("blues", 3, 2),
        ("jazz", 5, 0),
    ]
    assert [each["artists"] for each in found["genres"]] == [0, 2, 0]
    assert found["formats"] == {".wav": 4, ".flac": 4, ".ogg": 1}
    assert found["sample_rates"] == {str(RATE): 9}
    assert found["lengths"] == pytest.approx(
        {"shortest": 2.0, "median": 4.0, "longest": 6.0}, abs=0.01
    )


def test_copies_are_found_by_their_samples_or_by_their_sound(music: Path) -> None:
    exact = [["jazz/1", "jazz/copy"]]
    assert inspect.inspect(music, by_sound=False)["replicas"] == {"by_sound": False, "pairs": exact}
    samples, _ = soundfile.read(music / "jazz" / "2.flac")
    soundfile.write(music / "jazz" / "softer.wav", 0.5 * samples, RATE)
    found = inspect.inspect(music, by_sound=True)["replicas"]
    assert found == {"by_sound": True, "pairs": [*exact, ["jazz/2", "jazz/softer"]]}


def test_what_can_be_done_is_tried_out(music: Path) -> None:
    protocols = inspect.inspect(music, by_sound=False)["protocols"]
    assert protocols["song"] == protocols["clip"] == {"folds": 3, "tested_tracks": 8}
    assert protocols["artist"] == {"folds": 3, "tested_tracks": 8}
    assert "is a split of GTZAN" in protocols["filtered"]["problem"]
    assert "needs a column fold or split" in protocols["given"]["problem"]
    (music / "metadata.csv").unlink()
    assert "no artist is known" in inspect.inspect(music, False)["protocols"]["artist"]["problem"]


def test_times_are_of_the_stages_and_features_that_will_run(music: Path) -> None:
    document = {**CHANGES, "extract.features": ["centroid"]}
    write_params(music.parent, document)
    needed = inspect.inspect(music, by_sound=False)["seconds_needed"]
    assert needed.keys() == {"workers", "segment", "extract", "replicas", "train"}
    assert needed["extract"].keys() == {"centroid"}
    assert all(needed[name] > 0 for name in ("segment", "replicas", "train"))
    write_params(music.parent, {**document, "models.ann.epochs": 2 * SMALL["models.ann.epochs"]})
    twice = inspect.inspect(music, by_sound=False)["seconds_needed"]
    assert twice["train"] == pytest.approx(2 * needed["train"])


@pytest.mark.parametrize("model", ["ann", "linear"])
def test_training_takes_longer_for_more_values_unless_it_is_linear(music: Path, model: str) -> None:
    def seconds(hop_length: int) -> float:
        write_params(
            music.parent,
            {
                **CHANGES,
                "model": model,
                "feature": "centroid",
                "extract.features": ["centroid"],
                "extract.centroid.hop_length": hop_length,
            },
        )
        return float(inspect.inspect(music, by_sound=False)["seconds_needed"]["train"])

    assert seconds(2) > 0
    assert (seconds(1) > seconds(2)) == (model == "ann")


def test_small_clips_are_trained_on_no_faster_than_by_linear(music: Path) -> None:
    def seconds(model: str) -> float:
        write_params(music.parent, {**CHANGES, "model": model, f"models.{model}.epochs": 2})
        return float(inspect.inspect(music, by_sound=False)["seconds_needed"]["train"])

    assert seconds("ann") == seconds("linear")


# Four folds train on 28, 28, 28 and 30 clips of 1 s, and each seed of the split on 26.
@pytest.mark.parametrize(
    ("column", "workers", "clips"),
    [("fold", 1, 4 * 30), ("fold", 3, 2 * 30), ("fold", 8, 30), ("split", 1, 2 * 26)],
)
def test_training_takes_as_long_as_its_folds_at_the_most(
    column: str, workers: int, clips: int, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKERS", str(workers))
    write_params(music.parent, {**CHANGES, "split.protocol": "given", "split.seeds": 2})
    named = {
        "fold": "blues/0,a blues/1,b blues/2,c jazz/0,a jazz/1,b jazz/2,c jazz/copy,d jazz/cut,d",
        "split": "blues/0,train blues/1,train blues/2,test jazz/0,train jazz/1,train jazz/2,test "
        "jazz/copy,train",
    }
    (music / "metadata.csv").write_text("\n".join([f"track_id,{column}", *named[column].split()]))
    found = inspect.inspect(music, by_sound=False)
    rate = RATES_FOR_ANY_SIZE["linear"]
    expected = clips * SMALL["models.ann.epochs"] / rate
    assert found["seconds_needed"]["train"] == pytest.approx(expected)


def test_nothing_is_trained_by_a_protocol_that_cannot_be_used(music: Path) -> None:
    write_params(music.parent, {**CHANGES, "split.protocol": "filtered"})
    found = inspect.inspect(music, by_sound=False)
    assert found["seconds_needed"]["train"] is None
    assert "train     " not in inspection_text(found)


@pytest.mark.parametrize("protocol", ["song", "artist", "clip"])
def test_every_clip_trains_in_all_folds_but_one(project: Path, protocol: str) -> None:
    write_params(project, CHANGES)
    tracks = [
        Track(f"{genre}/{number}", genre, f"{genre} {number}", "", "", number, "")
        for genre in ("blues", "jazz")
        for number in range(1, 6)
    ]
    folded = inspect.try_protocols(tracks, read_section(SplitParams, "split"))[protocol]
    trained = inspect.training_clips(folded, tracks)
    assert len(trained) == 3
    assert sum(trained) == 2 * sum(track.clips for track in tracks)


def test_the_text_says_all_of_it_in_a_hundred_columns(
    music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        (music / "blues" / f"{number} {'very ' * 40}long.txt").write_text("not music")
    (music / f"{'x' * 200}").mkdir()
    write(music / f"{'x' * 200}" / "a\nb\x1b[31m.wav", 2)
    run(monkeypatch, "music", "--replicas")
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


def test_json_is_all_of_it(
    music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--json")  # of dataset.path
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == "music"
    expected = inspect.inspect(Path("music"), by_sound=False)
    assert {**told, "seconds_needed": {}} == {**expected, "seconds_needed": {}}
    assert inspection_text(told)
    assert music.is_dir()


def test_a_folder_without_a_usable_file_is_described_all_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "music" / "rock").mkdir()
    (project / "music" / "rock" / "a.wav").touch()
    run(monkeypatch, "music")
    text = capsys.readouterr().out
    assert "empty file" in text
    assert "genres with usable tracks: none" in text
    assert "train" not in text


def test_a_feature_that_cannot_be_computed_is_named(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = {"extract.features": ["descriptors"], "extract.descriptors.n_fft": 16}
    write_params(music.parent, {**CHANGES, **frames})
    with pytest.raises(PipelineError, match=r"^extract\.descriptors\.n_fft = 16: should be at"):
        run(monkeypatch, "music")


def test_a_folder_that_is_not_there_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PipelineError, match="gone"):
        run(monkeypatch, project / "gone")
