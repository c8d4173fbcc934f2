"""A dataset folder: its tracks, and the metadata that is joined to them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.dataset import TrackFile, find_tracks, join_artists
from pipeline.errors import PipelineError

Join = Callable[[str], dict[str, str]]


def folder_of(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.fixture
def join(tmp_path: Path) -> Join:
    """Join a metadata.csv of the given text to a few tracks, two of them of one name."""
    files = ["blues/b.0.au", "blues/same.wav", "jazz/same.wav", "jazz/j.mp3", "unlabelled/u.wav"]
    tracks = find_tracks(folder_of(tmp_path, *files))

    def of_text(text: str) -> dict[str, str]:
        (tmp_path / "metadata.csv").write_text(text, encoding="utf-8")
        return join_artists(tracks, tmp_path)

    return of_text


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


def test_hidden_files_and_folders_and_those_beside_the_genres_are_left_out(tmp_path: Path) -> None:
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


def test_two_files_with_one_id_are_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, "pop/a.wav", "pop/a.mp3", "pop/b.wav")
    with pytest.raises(PipelineError, match=r"track id pop/a: a\.(mp3|wav) and a\.(mp3|wav)"):
        find_tracks(tmp_path)


@pytest.mark.parametrize("make", [Path.touch, lambda _: None], ids=["file", "missing"])
def test_what_is_no_folder_is_an_error(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "music")
    with pytest.raises(PipelineError, match=r"dataset\.path = '.*music': no such folder"):
        find_tracks(tmp_path / "music")


@pytest.mark.parametrize("files", [[], ["beside.wav"], ["pop/.hidden.wav"]])
def test_a_folder_without_tracks_is_an_error(tmp_path: Path, files: list[str]) -> None:
    folder_of(tmp_path, *files)
    with pytest.raises(PipelineError, match="no files in sub-folders; expected one folder a genre"):
        find_tracks(tmp_path)


def test_without_metadata_no_artist_is_known(tmp_path: Path) -> None:
    tracks = find_tracks(folder_of(tmp_path, "pop/a.wav"))
    assert join_artists(tracks, tmp_path) == {}


@pytest.mark.parametrize("name", ["blues/b.0", "blues/b.0.au", "b.0", "b.0.au", " b.0 "])
def test_a_row_names_a_track_by_its_id_or_its_file(join: Join, name: str) -> None:
    assert join(f"track_id,artist\n{name}, B. B. King \n") == {"blues/b.0": "B. B. King"}


def test_an_unlabelled_track_may_have_an_artist(join: Join) -> None:
    assert join("track_id,artist\nu,Someone\n") == {"unlabelled/u": "Someone"}


def test_other_columns_are_ignored_and_the_artist_may_be_unknown(join: Join) -> None:
    text = "year,artist,track_id\n1960,,j\n1961,Coltrane,jazz/same\n"
    assert join(text) == {"jazz/j": "", "jazz/same": "Coltrane"}
    assert join("track_id,year\nj,1960\n") == {"jazz/j": ""}


def test_an_id_is_not_ambiguous_where_it_is_another_tracks_file_name(tmp_path: Path) -> None:
    tracks = find_tracks(folder_of(tmp_path, "pop/a.wav", "pop/a.wav.wav"))
    (tmp_path / "metadata.csv").write_text("track_id,artist\npop/a.wav,Two\npop/a,One\n")
    assert join_artists(tracks, tmp_path) == {"pop/a.wav": "Two", "pop/a": "One"}


@pytest.mark.parametrize("name", ["b.1", "blues", "jazz/b.0", "b.0.wav", ""])
def test_a_row_that_matches_no_track_is_an_error(join: Join, name: str) -> None:
    with pytest.raises(PipelineError, match=rf"metadata\.csv: the row '{name}' matches no track"):
        join(f"track_id,artist\n{name},Nobody\n")


def test_an_ambiguous_name_is_an_error(join: Join) -> None:
    with pytest.raises(PipelineError, match="'same' matches blues/same and jazz/same"):
        join("track_id,artist\nsame,Both\n")


def test_two_rows_for_one_track_are_an_error(join: Join) -> None:
    with pytest.raises(PipelineError, match=r"more than one row for the track blues/b\.0"):
        join("track_id,artist\nb.0,One\nblues/b.0.au,Two\n")


def test_a_missing_column_is_an_error(join: Join) -> None:
    with pytest.raises(PipelineError, match="no column 'track_id'; its columns are track, artist"):
        join("track,artist\nb.0,One\n")


def test_metadata_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    tracks = find_tracks(folder_of(tmp_path, "pop/a.wav"))
    (tmp_path / "metadata.csv").write_bytes("track_id,artist\na,Björk\n".encode("latin-1"))
    with pytest.raises(PipelineError, match=r"metadata\.csv is not a CSV file in UTF-8"):
        join_artists(tracks, tmp_path)
