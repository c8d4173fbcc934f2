"""The demo dataset: its layout, its tables, and the same bytes every time."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from project import contents

from pipeline.base.errors import PipelineError
from pipeline.base.files import read_csv
from pipeline.dataset.folder import find_tracks
from pipeline.synthesis import demo_dataset
from pipeline.synthesis.demo_dataset import MADE, DemoParams, write_demo
from pipeline.synthesis.styles import GENRES

PARAMS = DemoParams(tracks_per_genre=3, artists_per_genre=2, seconds=1.0, unlabelled=12)
ONE = DemoParams(tracks_per_genre=1, artists_per_genre=1, seconds=1.0, unlabelled=1)


def write(parent: Path, params: DemoParams = PARAMS, seed: int = 7) -> Path:
    write_demo(parent / "demo", parent / "demo_truth.csv", params, seed)
    return parent


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("written"))


def test_the_files_are_those_of_a_dataset_and_all_tracks_differ(written: Path) -> None:
    labelled = {f"demo/{genre}/demo.{genre}.{i:05d}.wav" for genre in GENRES for i in range(3)}
    unlabelled = {f"demo/unlabelled/unlabelled.{i:05d}.wav" for i in range(12)}
    tables = {"demo/metadata.csv", "demo/.made.csv", "demo_truth.csv"}
    files = contents(written)
    assert files.keys() == labelled | unlabelled | tables
    assert len({files[name] for name in labelled | unlabelled}) == 42


def test_tracks_are_16_bit_mono_at_gtzans_rate_and_not_silent(written: Path) -> None:
    for path in (written / "demo").rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        assert (info.samplerate, info.frames) == (22_050, 22_050)
        assert np.abs(soundfile.read(path)[0]).max() > 0.3


def test_metadata_names_an_artist_for_each_labelled_track(written: Path) -> None:
    rows = read_csv(written / "demo" / "metadata.csv")
    assert list(rows[0]) == ["track_id", "artist"]
    files = [p.relative_to(written / "demo") for p in (written / "demo").rglob("*.wav")]
    ids = {path.with_suffix("").as_posix() for path in files if path.parts[0] != "unlabelled"}
    assert [row["track_id"] for row in rows] == sorted(ids)
    assert all(row["artist"].startswith(row["track_id"].split("/")[0] + " artist ") for row in rows)
    assert len({row["artist"] for row in rows}) == 2 * len(GENRES)


def test_truth_covers_the_unlabelled_tracks_and_lies_outside_the_dataset(written: Path) -> None:
    rows = read_csv(written / "demo_truth.csv")
    assert [row["track_id"] for row in rows] == [
        f"unlabelled/unlabelled.{i:05d}" for i in range(12)
    ]
    assert {row["genre"] for row in rows} == set(GENRES)
    assert [row["genre"] for row in rows[:10]] != list(GENRES)
    assert "unlabelled" not in (written / "demo" / "metadata.csv").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    assert contents(write(tmp_path)) == contents(written)


@pytest.mark.parametrize(("tracks", "seed", "same"), [(1, 8, False), (2, 7, True)])
def test_a_track_depends_on_the_seed_and_not_on_the_other_tracks(
    written: Path, tmp_path: Path, tracks: int, seed: int, same: bool
) -> None:
    """With fewer tracks, the remaining ones have the same bytes."""
    fewer = DemoParams(tracks_per_genre=tracks, artists_per_genre=2, seconds=1.0, unlabelled=0)
    mine, theirs = contents(write(tmp_path, fewer, seed)), contents(written)
    names = [name for name in mine if name.endswith(".wav")]
    assert len(names) == tracks * len(GENRES)
    assert {mine[name] == theirs[name] for name in names} == {same}


def older(written: Path, folder: Path, has_table: bool) -> Path:
    """A copy of the dataset, as a commit wrote it that had a table of its files, or had none."""
    shutil.copytree(written, folder, dirs_exist_ok=True)
    if not has_table:
        (folder / "demo" / MADE).unlink()
    return folder / "demo"


@pytest.mark.parametrize("has_table", [True, False])
def test_an_older_dataset_is_replaced(written: Path, tmp_path: Path, has_table: bool) -> None:
    (older(written, tmp_path, has_table) / "blues" / ".DS_Store").touch()
    write(tmp_path, ONE, seed=8)
    assert len(find_tracks(tmp_path / "demo")) == len(GENRES) + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo_truth.csv"]


@pytest.mark.parametrize(
    ("name", "has_table"),
    [
        *((name, has) for name in ("new/genre/x.flac", "jazz/link") for has in (True, False)),
        *((name, True) for name in ("metadata.csv", "blues/demo.blues.00001.wav")),  # changed
    ],
)
def test_a_users_file_is_kept_and_named(
    written: Path, tmp_path: Path, name: str, has_table: bool
) -> None:
    path = older(written, tmp_path, has_table) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "link":
        path.symlink_to(written)
    else:
        with path.open("ab") as file:
            file.write(b"more")
    before = contents(tmp_path)
    expected = rf"^{re.escape(str(path))} is not the demo's own, .* set dataset\.path to that$"
    with pytest.raises(PipelineError, match=expected):
        write(tmp_path, ONE, seed=8)
    assert contents(tmp_path) == before


def test_a_killed_run_leaves_the_old_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(write(tmp_path, ONE) / "demo")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_dataset, "write_csv", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, ONE, seed=8)
    assert contents(tmp_path / "demo") == before
