"""A dataset's folder: its files and their hashes, and what metadata.csv says of them."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.base.errors import PipelineError
from pipeline.dataset.folder import (
    Cells,
    TrackFile,
    find_tracks,
    hash_files,
    read_metadata,
    unchanged,
)

Join = Callable[[str], dict[str, Cells]]


def folder_of(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_ids_genres_and_order(tmp_path: Path) -> None:
    music = folder_of(tmp_path / "music", "jazz/b.wav", "jazz/a.mp3", "blues/blues.00000.au")
    folder_of(music, "unlabelled/x.FLAC", "unlabelled/rock/2.wav", "rock/band/album/1.wav")
    folder_of(music, "jazz/a.txt", "jazz/._a.wav", "jazz/.DS_Store", "jazz/.x/a.wav", ".git/a.wav")
    folder_of(music, "metadata.csv", "beside.wav")
    (music / "linked").symlink_to(folder_of(tmp_path / "elsewhere", "l.wav"))
    assert find_tracks(music) == [
        TrackFile("blues/blues.00000", "blues", music / "blues/blues.00000.au"),
        TrackFile("jazz/a", "jazz", music / "jazz/a.mp3"),
        TrackFile("jazz/a.txt", "jazz", music / "jazz/a.txt"),  # not audio
        TrackFile("jazz/b", "jazz", music / "jazz/b.wav"),
        TrackFile("linked/l", "linked", music / "linked/l.wav"),
        TrackFile("rock/band/album/1", "rock", music / "rock/band/album/1.wav"),
        TrackFile("unlabelled/rock/2", "", music / "unlabelled/rock/2.wav"),
        TrackFile("unlabelled/x", "", music / "unlabelled/x.FLAC"),
    ]


def test_bytes_of_a_name_that_are_not_utf_8_are_escaped(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    Path(os.fsdecode(folder + b"/\xff.wav")).touch()
    [track] = find_tracks(tmp_path)
    assert (track.track_id, track.genre) == ("caf\\xe9/\\xff", "caf\\xe9")
    assert hash_files([track.path]) == [hashlib.sha256(b"").hexdigest()]


def test_what_cannot_be_hashed_is_an_error_at_once_in_its_place(tmp_path: Path) -> None:
    names = ("fine", "missing", "loop", "device", "pipe")
    fine, _, loop, device, pipe = paths = [tmp_path / name for name in names]
    fine.write_bytes(b"1")
    loop.symlink_to(loop)
    device.symlink_to("/dev/zero")
    os.mkfifo(pipe)
    first, *errors = hash_files(paths)
    assert first == hashlib.sha256(b"1").hexdigest()
    assert [error.strerror for error in errors if isinstance(error, OSError)] == [
        *map(os.strerror, (errno.ENOENT, errno.ELOOP)),
        *2 * ["not a regular file"],
    ]


def test_two_files_with_the_same_id_are_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, "pop/a.wav", "pop/a.mp3", "pop/b.wav")
    with pytest.raises(PipelineError, match=r"track id pop/a: a\.(mp3|wav) and a\.(mp3|wav)"):
        find_tracks(tmp_path)


def test_a_path_that_is_not_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "music").touch()
    with pytest.raises(PipelineError, match=r"/music: no such folder$"):
        find_tracks(tmp_path / "music")


@pytest.mark.parametrize("files", [[], ["beside.wav"], ["pop/.hidden.wav"]])
def test_a_folder_without_tracks_is_an_error(tmp_path: Path, files: list[str]) -> None:
    folder_of(tmp_path, *files)
    with pytest.raises(PipelineError, match=": no files in sub-folders; a dataset has one folder"):
        find_tracks(tmp_path)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    [sha256] = hash_files([path])
    assert isinstance(sha256, str)
    assert unchanged(path, sha256) == path
    path.write_bytes(b"2")
    with pytest.raises(PipelineError, match=r"a changed while the stage ran; run it again"):
        unchanged(path, sha256)


def cells(artist: str = "", split: str = "", fold: str = "") -> Cells:
    return {"artist": artist, "split": split, "fold": fold}


@pytest.fixture
def join(tmp_path: Path) -> Join:
    """Read metadata.csv with a given text, for a few tracks, two of which have the same name."""
    files = ["blues/b.0.au", "blues/same.wav", "jazz/same.wav", "jazz/j.mp3", "unlabelled/u.wav"]
    files += ["pop/a.wav", "pop/a.wav.wav"]
    tracks = find_tracks(folder_of(tmp_path, *files))

    def of_text(text: str) -> dict[str, Cells]:
        (tmp_path / "metadata.csv").write_bytes(text.encode("latin-1"))
        return read_metadata(tracks, tmp_path)

    return of_text


def test_without_metadata_nothing_is_known(tmp_path: Path) -> None:
    assert read_metadata([TrackFile("pop/a", "pop", tmp_path / "pop/a.wav")], tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("track_id,artist\nu,Someone\n", {"unlabelled/u": cells("Someone")}),
        *(
            (f"track_id,artist\n{name}, B. B. King \n", {"blues/b.0": cells("B. B. King")})
            for name in ("blues/b.0", "blues/b.0.au", "b.0", "b.0.au", " b.0 ")
        ),
        (
            "year,artist,track_id\n1960,,j\n1961,Coltrane,jazz/same\n",
            {"jazz/j": cells(), "jazz/same": cells("Coltrane")},
        ),
        ("track_id,year\nj,1960\n", {"jazz/j": cells()}),
        (
            "track_id,fold,split\nj, 3 , train \nb.0,,valid\n",
            {"jazz/j": cells(split="train", fold="3"), "blues/b.0": cells(split="valid")},
        ),
        # An id is not ambiguous where it is another track's file name.
        (
            "track_id,artist\npop/a.wav,Two\npop/a,One\n",
            {"pop/a.wav": cells("Two"), "pop/a": cells("One")},
        ),
    ],
)
def test_cells_of_metadata(join: Join, text: str, expected: dict[str, Cells]) -> None:
    assert join(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (f"track_id,artist\n{name},Nobody\n", f"the row '{name}' matches no track")
            for name in ("blues", "jazz/b.0", "b.0.wav", "")
        ),
        ("track_id,artist\nsame,Both\n", "'same' matches both blues/same and jazz/same"),
        ("track_id,artist\nb.0,One\nblues/b.0.au,Two\n", "than one row for the track blues/b.0"),
        ("track_id,artist\nj,Bj\xf6rk\n", "is not a CSV file in UTF-8"),
    ],
)
def test_a_row_that_is_no_tracks_is_an_error(join: Join, text: str, message: str) -> None:
    with pytest.raises(PipelineError, match=rf"metadata\.csv:? .*{message}"):
        join(text)


def test_a_table_that_is_none_is_an_error_and_not_ignored(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.symlink_to("nothing")
    with pytest.raises(PipelineError, match=r"metadata\.csv is a link to nothing$"):
        read_metadata([], tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(PipelineError, match=r"metadata\.csv is not a regular file$"):
        read_metadata([], tmp_path)
