"""A dataset's folder: its files and their hashes, what metadata.csv says of them, and genres."""

import errno
import hashlib
import os
import re
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unicodedata import normalize

import pytest

from pipeline.base.errors import PipelineError
from pipeline.dataset.folder import (
    Cells,
    TrackFile,
    find_tracks,
    hash_files,
    read_dataset,
    read_metadata,
    require_readable,
    unchanged,
)

Join = Callable[[str], dict[str, Cells]]
COMPOSED, DECOMPOSED = normalize("NFC", "Électro"), normalize("NFD", "Électro")


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


@pytest.mark.parametrize("find", [find_tracks, require_readable])
def test_all_files_with_the_same_id_are_an_error(
    tmp_path: Path, find: Callable[[Path], object]
) -> None:
    folder_of(tmp_path, "pop/a.txt", "pop/a.wav", "jazz/a.wav", "b.wav", "b.mp3", "pop/.c.wav")
    folder_of(tmp_path, ".x/a.wav", ".x/a.mp3", "pop/.c.mp3")
    find(tmp_path)
    folder_of(tmp_path, "pop/a.MP3", "jazz/c/b.ogg", "jazz/c/b.au")
    same = "jazz/c/b: b.au and b.ogg, pop/a: a.MP3 and a.wav"
    with pytest.raises(PipelineError, match=f"track id {same}; remove or rename one$"):
        find(tmp_path)


def socket_at(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(os.path.relpath(path))  # an absolute path may be too long


@pytest.mark.parametrize(
    ("name", "make", "problem"),
    [
        ("rock/gone.wav", lambda path: path.symlink_to("nothing"), "a link to nothing: mend or"),
        (".x/gone", lambda path: path.symlink_to("nothing"), "a link to nothing: mend or remove"),
        ("loop", lambda path: path.symlink_to(path), os.strerror(errno.ELOOP)),
        ("rock/caf\udce9.wav", Path.touch, "a name that is not UTF-8: rename it"),
        ("caf\udce9", Path.mkdir, "a name that is not UTF-8: rename it"),
        ("rock/a.wav", os.mkfifo, "a named pipe: remove it"),
        ("rock/a.wav", socket_at, "a socket: remove it"),
        ("rock/a.wav", lambda path: path.symlink_to("/dev/zero"), "a device: remove it"),
        ("rock/secret.wav", Path.touch, "Permission denied: make it readable"),
        ("secret", Path.mkdir, "Permission denied: make it readable"),
        ("rock/Caf\N{LATIN SMALL LETTER E WITH ACUTE}.wav", Path.touch, ""),
        ("rock/link.wav", lambda path: path.symlink_to("0.wav"), ""),
        ("rock/up", lambda path: path.symlink_to(".."), ""),
    ],
)
def test_what_would_stop_dvc_is_named(
    name: str,
    make: Callable[[Path], None],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root may read everything, so the system's answer for `secret` is that to another user."""
    folder_of(tmp_path, "rock/0.wav", ".x/0")
    make(tmp_path / name)
    scandir = os.scandir

    def listed(path: str) -> object:
        if path.endswith("secret"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listed)
    monkeypatch.setattr(os, "access", lambda path, _: "secret" not in path)
    if not problem:
        require_readable(tmp_path)
        return
    shown = name.replace("\udce9", r"\xe9")
    with pytest.raises(PipelineError, match="^" + re.escape(f"{tmp_path}: {shown} ({problem}")):
        require_readable(tmp_path)


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    folder_of(tmp_path, "rock/0.wav", "rock/0.au")
    for number in range(13):
        (tmp_path / "rock" / f"{number:02}.wav").symlink_to("nothing")
    with pytest.raises(PipelineError) as caught:
        require_readable(tmp_path)
    names = ", ".join(f"rock/{number:02}.wav" for number in range(10))
    assert f"{names} and 3 more (a link to nothing" in str(caught.value)
    assert "); two files have the track id rock/0: 0.au and 0.wav" in str(caught.value)


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
        return read_metadata(tracks, tmp_path).cells

    return of_text


def test_without_metadata_nothing_is_known(tmp_path: Path) -> None:
    metadata = read_metadata([TrackFile("pop/a", "pop", tmp_path / "pop/a.wav")], tmp_path)
    assert (metadata.cells, metadata.genres) == ({}, None)


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
        ("track_id\nj\nme\nyou\n", "the rows 'me', 'you' match no track .* such as blues/b.0$"),
        ("path,genre\n2,Pop\n", "the row '2' matches no track of the dataset, such as blues/b.0$"),
        ("artist\nBo\n", "no column 'track_id' or 'path'; its columns are 'artist'$"),
        ("artist, Track ID\nBo,j\n", "; rename ' Track ID' to track_id$"),
        ("filename\nj\n", "; rename 'filename' to path$"),
    ],
)
def test_a_row_that_is_no_tracks_is_an_error(join: Join, text: str, message: str) -> None:
    with pytest.raises(PipelineError, match=rf"metadata\.csv:? .*{message}"):
        join(text)


def test_a_group_is_a_column_of_the_table(tmp_path: Path) -> None:
    tracks = find_tracks(folder_of(tmp_path, "pop/a.wav"))
    for columns in ("none", "'path', 'artist'"):
        with pytest.raises(PipelineError, match=rf"^split.group = 'album': .* are {columns}$"):
            read_metadata(tracks, tmp_path, "album")
        (tmp_path / "metadata.csv").write_text("path,artist\na,X\n")
    (tmp_path / "metadata.csv").write_text("path,artist,album\na,X, Y\n")
    metadata = read_metadata(tracks, tmp_path, "album")
    assert metadata.cells == {"pop/a": cells("Y")}
    assert metadata.note.endswith("not used: artist")


def test_a_table_that_is_none_is_an_error_and_not_ignored(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.symlink_to("nothing")
    with pytest.raises(PipelineError, match=r"metadata\.csv is a link to nothing$"):
        read_metadata([], tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(PipelineError, match=r"metadata\.csv is not a regular file$"):
        read_metadata([], tmp_path)


@pytest.mark.parametrize(("in_row", "in_name"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_row_matches_its_file_whatever_the_composition(
    in_row: str, in_name: str, tmp_path: Path
) -> None:
    tracks = find_tracks(folder_of(tmp_path, f"pop/{in_name}.wav"))
    table = tmp_path / "metadata.csv"
    table.write_text(f"path,artist\npop/{in_row}.wav,{DECOMPOSED}\n")
    assert read_metadata(tracks, tmp_path).cells == {f"pop/{in_name}": cells(COMPOSED)}
    tracks = find_tracks(folder_of(tmp_path, f"pop/{in_row}.wav"))
    table.write_text(f"track_id\npop/{in_row}\n")
    assert list(read_metadata(tracks, tmp_path).cells) == [f"pop/{in_row}"]
    table.write_text(f"track_id\n{in_row}\n")
    with pytest.raises(PipelineError, match=r"matches both pop/.* and pop/"):
        read_metadata(tracks, tmp_path)


FMA = ["000/000002.mp3", "000/000005.mp3", "012/012345.mp3", "unlabelled/x.mp3", "000/notes.txt"]
LEFT_OUT = "files left out, as metadata.csv gives them no genre: 2"


@pytest.mark.parametrize(
    ("table", "genres", "warning"),
    [
        (
            "track_id,genre\n000002,Hip-Hop\n000005,Rock\n012345, Rock \n",
            {FMA[0]: "Hip-Hop", FMA[1]: "Rock", FMA[2]: "Rock", FMA[3]: ""},
            "",
        ),
        (
            f"genre,path,year\nPop,{FMA[3]},1\nunlabelled,{FMA[2]},2\n,{FMA[1]},3\n",
            {FMA[2]: "", FMA[3]: "Pop"},
            rf"{LEFT_OUT} \(000/000002, 000/000005\); the genre 'unlabelled' would have them predi",
        ),
        (
            "track_id,genre\n000002,Rock\n9,Pop\n8,Pop\n",
            {FMA[0]: "Rock", FMA[3]: ""},
            rf"the rows '9', '8' match no track of the dataset.*{LEFT_OUT}",
        ),
    ],
)
def test_a_table_labels_tracks_in_any_folders(
    table: str, genres: dict[str, str], warning: str, tmp_path: Path
) -> None:
    folder_of(tmp_path, *FMA)
    (tmp_path / "metadata.csv").write_text(table)
    tracks, metadata = read_dataset(tmp_path)
    assert {track.path.relative_to(tmp_path).as_posix(): track.genre for track in tracks} == genres
    assert re.search(warning or "^$", " ".join(metadata.warnings))


@pytest.mark.parametrize(
    ("files", "table", "error"),
    [
        ("Rock/a.wav rock/b.wav", "", "genres that are one to a reader: 'Rock' and 'rock'; give"),
        ("jazz/a.wav jazz\xa0/b.wav", "", r"'jazz' and 'jazz\\xa0'"),
        (f"{COMPOSED}/a.wav {DECOMPOSED}/b.wav", "", r"\('E\\u0301lectro'\) and .*'\\xc9lectro'"),
        ("x/a.wav x/b.wav", "path,genre\nx/a,Pop\nx/b,pop\n", "'Pop' and 'pop'"),
        ("Rock/a.wav rocks/b.wav", "", ""),
        (
            "pop/a.wav unlabeled/b.wav",
            "",
            "'unlabeled' would be a genre; rename it to 'unlabelled'",
        ),
        ("unlabelled/a.wav Unlabelled/b.wav pop/a.wav", "", "'Unlabelled' would be a genre"),
        ("x/a.wav x/b.wav", "path,genre\nx/a,Pop\nx/b,unlabeled\n", "'unlabeled' would be"),
        ("pop/a.wav labelled/b.wav unlabelled/c.wav", "", ""),
        (" ".join(FMA), "", r"the folders 000, 012 are numbers, as those of FMA; label .*\.csv"),
        ("00/1100.mp3 01/1201.mp3", "track_id,Genre\n1100,x\n", "numbers.*'Genre' is not read"),
        ("0/000002.wav 1/b.wav", "", ""),
        ("train/rock/a.wav Test/jazz/b.wav", "", "the folders Test, train are parts of a split;"),
        ("train/rock/a.wav test/jazz/b.wav", "path,genre\na.wav,rock\nb.wav,jazz\n", ""),
        ("train/a.wav rock/b.wav", "", ""),
        ("Data/original/a/1.wav Data/original/b/2.wav Data/images/a/1.png", "", "Data/original[?]"),
        ("set/a/1.wav set/b/2.wav unlabelled/3.wav", "", "did you mean .*/set[?]$"),
        ("rock/a/1.wav rock/2.wav", "", ""),
        ("rock/a/1.wav rock/a/2.wav", "", ""),
    ],
)
def test_genres_that_cannot_be_meant_are_an_error(
    files: str, table: str, error: str, tmp_path: Path
) -> None:
    folder_of(tmp_path, *files.split(" "))
    if table:
        (tmp_path / "metadata.csv").write_text(table)
    if not error:
        assert read_dataset(tmp_path)
        return
    with pytest.raises(PipelineError, match=error) as caught:
        read_dataset(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize(
    ("folders", "columns", "warning", "note"),
    [
        ("rock jazz", " Artist", "' Artist' is not read; if it is meant as 'artist'", ""),
        ("rock jazz", "artists", "'artists' is not read; if it is meant as 'artist'", ""),
        ("rock jazz", "spilt", "'spilt' is not read; if it is meant as 'split'", ""),
        ("rock jazz", "Fold", "'Fold' is not read; if it is meant as 'fold'", ""),
        ("rock jazz", "genre_top", "'genre_top' is not read; if it is meant as 'genre'", ""),
        ("rock jazz", "label", "'label' is not read; if it is meant as 'genre'", ""),
        ("rock jazz", "artist,artists,album,title", "", "not used: artists, album, title"),
        ("rock jazz", "artist,split,fold", "", ""),
        ("1 2", "artist", "^1, 2: folders that are taken for genres; else label the tracks", ""),
        ("rock jazz test", "artist", "^test: folders that are taken for genres", ""),
        ("Hip-Hop HipHop", "artist", "spelled alike: 'Hip-Hop' and 'HipHop'", ""),
    ],
)
def test_what_may_be_meant_otherwise_is_a_warning(
    folders: str, columns: str, warning: str, note: str, tmp_path: Path
) -> None:
    folder_of(tmp_path, *(f"{folder}/a.wav" for folder in folders.split()))
    (tmp_path / "metadata.csv").write_text(f"track_id,{columns}\n{folders.split()[0]}/a\n")
    tracks, metadata = read_dataset(tmp_path)
    assert {track.genre for track in tracks} == set(folders.split())
    assert len(metadata.warnings) == bool(warning)
    assert re.search(warning or "^$", " ".join(metadata.warnings))
    assert metadata.note.endswith(note)
    assert bool(metadata.note) == bool(note)
