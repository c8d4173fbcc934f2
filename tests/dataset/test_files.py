"""A dataset folder: which files are its tracks, and their hashes."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.base.errors import PipelineError
from pipeline.dataset.folder import TrackFile, find_tracks, hash_files, unchanged


def folder_of(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_ids_genres_and_order(tmp_path: Path) -> None:
    folder_of(tmp_path, "jazz/b.wav", "jazz/a.mp3", "blues/blues.00000.au", "unlabelled/x.FLAC")
    assert find_tracks(tmp_path) == [
        TrackFile("blues/blues.00000", "blues", tmp_path / "blues/blues.00000.au"),
        TrackFile("jazz/a", "jazz", tmp_path / "jazz/a.mp3"),
        TrackFile("jazz/b", "jazz", tmp_path / "jazz/b.wav"),
        TrackFile("unlabelled/x", "", tmp_path / "unlabelled/x.FLAC"),
    ]


def test_nested_folders_belong_to_the_genre_at_the_top(tmp_path: Path) -> None:
    folder_of(tmp_path, "rock/band/album/1.wav", "unlabelled/rock/2.wav")
    found = [(track.track_id, track.genre) for track in find_tracks(tmp_path)]
    assert found == [("rock/band/album/1", "rock"), ("unlabelled/rock/2", "")]


def test_hidden_files_and_those_outside_the_genres_folders_are_left_out(tmp_path: Path) -> None:
    folder_of(tmp_path, "pop/a.wav", "pop/._a.wav", "pop/.DS_Store", ".git/a.wav", "pop/.x/a.wav")
    folder_of(tmp_path, "metadata.csv", "beside.wav")
    assert [track.track_id for track in find_tracks(tmp_path)] == ["pop/a"]


def test_a_file_that_is_not_audio_keeps_its_extension(tmp_path: Path) -> None:
    folder_of(tmp_path, "pop/a.wav", "pop/a.txt", "pop/cover.jpg")
    ids = [track.track_id for track in find_tracks(tmp_path)]
    assert ids == ["pop/a", "pop/a.txt", "pop/cover.jpg"]


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    folder_of(tmp_path / "elsewhere", "a.wav")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "pop").symlink_to(tmp_path / "elsewhere")
    assert [track.track_id for track in find_tracks(tmp_path / "music")] == ["pop/a"]


def test_bytes_of_a_name_that_are_not_utf_8_are_escaped(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    Path(os.fsdecode(folder + b"/\xff.wav")).touch()
    [track] = find_tracks(tmp_path)
    assert (track.track_id, track.genre) == ("caf\\xe9/\\xff", "caf\\xe9")
    assert hash_files([track.path]) == [hashlib.sha256(b"").hexdigest()]


@pytest.mark.parametrize("kind", ["pipe", "device", "loop"])
def test_what_cannot_be_hashed_is_an_error_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.wav"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    [error] = hash_files([path])
    assert isinstance(error, OSError)
    assert error.strerror == (os.strerror(errno.ELOOP) if kind == "loop" else "not a regular file")


def test_two_files_with_the_same_id_are_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, "pop/a.wav", "pop/a.mp3", "pop/b.wav")
    with pytest.raises(PipelineError, match=r"track id pop/a: a\.(mp3|wav) and a\.(mp3|wav)"):
        find_tracks(tmp_path)


@pytest.mark.parametrize("make", [Path.touch, lambda _: None], ids=["file", "missing"])
def test_a_path_that_is_not_a_folder_is_an_error(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "music")
    with pytest.raises(PipelineError, match=r"/music: no such folder$"):
        find_tracks(tmp_path / "music")


@pytest.mark.parametrize("files", [[], ["beside.wav"], ["pop/.hidden.wav"]])
def test_a_folder_without_tracks_is_an_error(tmp_path: Path, files: list[str]) -> None:
    folder_of(tmp_path, *files)
    with pytest.raises(PipelineError, match=": no files in sub-folders; a dataset has one folder"):
        find_tracks(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error_in_its_place(tmp_path: Path) -> None:
    contents = {"a": b"1", "c": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    first, missing, last = hash_files([tmp_path / name for name in "abc"])
    assert [first, last] == [hashlib.sha256(content).hexdigest() for content in contents.values()]
    assert isinstance(missing, FileNotFoundError)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    [sha256] = hash_files([path])
    assert isinstance(sha256, str)
    assert unchanged(path, sha256) == path
    path.write_bytes(b"2")
    with pytest.raises(PipelineError, match=r"a changed while the stage ran; run it again"):
        unchanged(path, sha256)
