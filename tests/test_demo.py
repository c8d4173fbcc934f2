"""The demo dataset: its layout, its tables, and the same bytes every time."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from project import contents

from pipeline import demo
from pipeline.base.errors import PipelineError
from pipeline.dataset.folder import find_tracks
from pipeline.synthesis.demo_dataset import MADE, DemoParams
from pipeline.synthesis.styles import GENRES

PARAMS = DemoParams(tracks_per_genre=3, artists_per_genre=2, seconds=1.0, unlabelled=12)
ONE = DemoParams(tracks_per_genre=1, artists_per_genre=1, seconds=1.0, unlabelled=1)


def write(parent: Path, params: DemoParams = PARAMS, seed: int = 7) -> Path:
    demo.write_demo(parent / "demo", parent / "demo_truth.csv", params, seed)
    return parent


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("written"))


def test_layout(written: Path) -> None:
    labelled = {f"demo/{genre}/demo.{genre}.{i:05d}.wav" for genre in GENRES for i in range(3)}
    unlabelled = {f"demo/unlabelled/unlabelled.{i:05d}.wav" for i in range(12)}
    tables = {"demo/metadata.csv", "demo/.made.csv", "demo_truth.csv"}
    assert set(contents(written)) == labelled | unlabelled | tables


def test_tracks_are_16_bit_mono_at_gtzans_rate_and_not_silent(written: Path) -> None:
    for path in (written / "demo").rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        assert (info.samplerate, info.frames) == (22_050, 22_050)
        assert np.abs(soundfile.read(path)[0]).max() > 0.3


def test_all_tracks_differ(written: Path) -> None:
    tracks = [data for name, data in contents(written).items() if name.endswith(".wav")]
    assert len(set(tracks)) == len(tracks) == 42


def test_metadata_names_an_artist_for_each_labelled_track(written: Path) -> None:
    rows = table(written / "demo" / "metadata.csv")
    assert list(rows[0]) == ["track_id", "artist"]
    files = [p.relative_to(written / "demo") for p in (written / "demo").rglob("*.wav")]
    ids = {path.with_suffix("").as_posix() for path in files if path.parts[0] != "unlabelled"}
    assert [row["track_id"] for row in rows] == sorted(ids)
    assert all(row["artist"].startswith(row["track_id"].split("/")[0] + " artist ") for row in rows)
    assert len({row["artist"] for row in rows}) == 2 * len(GENRES)


def test_truth_covers_the_unlabelled_tracks_and_lies_outside_the_dataset(written: Path) -> None:
    rows = table(written / "demo_truth.csv")
    assert [row["track_id"] for row in rows] == [
        f"unlabelled/unlabelled.{i:05d}" for i in range(12)
    ]
    assert {row["genre"] for row in rows} == set(GENRES)
    assert [row["genre"] for row in rows[:10]] != list(GENRES)
    assert "unlabelled" not in (written / "demo" / "metadata.csv").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    assert contents(write(tmp_path)) == contents(written)


def test_another_seed_gives_other_tracks(written: Path, tmp_path: Path) -> None:
    one = DemoParams(tracks_per_genre=1, artists_per_genre=1, seconds=1.0, unlabelled=0)
    mine, theirs = contents(write(tmp_path, one, seed=8)), contents(written)
    tracks = [name for name in mine if name.endswith(".wav")]
    assert len(tracks) == len(GENRES)
    assert not [name for name in tracks if mine[name] == theirs[name]]


def test_a_track_does_not_depend_on_the_others(written: Path, tmp_path: Path) -> None:
    """With fewer tracks, the remaining ones have the same bytes."""
    fewer = DemoParams(tracks_per_genre=2, artists_per_genre=2, seconds=1.0, unlabelled=0)
    mine, theirs = contents(write(tmp_path, fewer)), contents(written)
    tracks = [name for name in mine if name.endswith(".wav")]
    assert len(tracks) == 2 * len(GENRES)
    assert not [name for name in tracks if mine[name] != theirs[name]]


@pytest.mark.parametrize("has_table", [True, False], ids=["with its table", "of an older commit"])
def test_an_older_dataset_is_replaced(written: Path, tmp_path: Path, has_table: bool) -> None:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    if not has_table:
        (tmp_path / "demo" / MADE).unlink()
    (tmp_path / "demo" / "blues" / ".DS_Store").touch()
    write(tmp_path, ONE, seed=8)
    assert len(find_tracks(tmp_path / "demo")) == len(GENRES) + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo_truth.csv"]


@pytest.mark.parametrize("has_table", [True, False], ids=["with its table", "of an older commit"])
@pytest.mark.parametrize("name", ["blues/mine.wav", "new/genre/x.flac", "notes.txt", "jazz/link"])
def test_a_users_file_is_kept_and_named(
    written: Path, tmp_path: Path, name: str, has_table: bool
) -> None:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    if not has_table:
        (tmp_path / "demo" / MADE).unlink()
    path = tmp_path / "demo" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "link":
        path.symlink_to(written)
    else:
        path.write_bytes(b"music")
    before = contents(tmp_path)
    expected = rf"^{re.escape(str(path))} is not the demo's own, .* set dataset\.path to that$"
    with pytest.raises(PipelineError, match=expected):
        write(tmp_path, ONE, seed=8)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["metadata.csv", "blues/demo.blues.00001.wav"])
def test_a_file_that_a_user_changed_is_kept(written: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "demo" / name).open("ab") as file:
        file.write(b"more")
    before = contents(tmp_path)
    with pytest.raises(PipelineError, match=rf"{name} is not the demo's own"):
        write(tmp_path)
    assert contents(tmp_path) == before


def test_a_killed_run_leaves_the_old_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(write(tmp_path, ONE) / "demo")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "write_csv", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, ONE, seed=8)
    assert contents(tmp_path / "demo") == before
