"""Metadata: which track a row belongs to, what it says, and what GTZAN's facts add."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.base.errors import PipelineError
from pipeline.dataset.folder import find_tracks, read_metadata
from pipeline.dataset.gtzan import Fact, with_gtzan_artists

Join = Callable[[str], dict[str, dict[str, str]]]


def folder_of(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def of_artist(artist: str) -> dict[str, str]:
    return {"artist": artist, "split": "", "fold": ""}


@pytest.fixture
def join(tmp_path: Path) -> Join:
    """Read metadata.csv with a given text, for a few tracks, two of which have the same name."""
    files = ["blues/b.0.au", "blues/same.wav", "jazz/same.wav", "jazz/j.mp3", "unlabelled/u.wav"]
    tracks = find_tracks(folder_of(tmp_path, *files))

    def of_text(text: str) -> dict[str, dict[str, str]]:
        (tmp_path / "metadata.csv").write_text(text, encoding="utf-8")
        return read_metadata(tracks, tmp_path)

    return of_text


def test_without_metadata_nothing_is_known(tmp_path: Path) -> None:
    tracks = find_tracks(folder_of(tmp_path, "pop/a.wav"))
    assert read_metadata(tracks, tmp_path) == {}


@pytest.mark.parametrize("name", ["blues/b.0", "blues/b.0.au", "b.0", "b.0.au", " b.0 "])
def test_a_row_names_a_track_by_its_id_or_its_file(join: Join, name: str) -> None:
    assert join(f"track_id,artist\n{name}, B. B. King \n") == {"blues/b.0": of_artist("B. B. King")}


def test_an_unlabelled_track_may_have_an_artist(join: Join) -> None:
    assert join("track_id,artist\nu,Someone\n") == {"unlabelled/u": of_artist("Someone")}


def test_other_columns_are_ignored_and_the_artist_may_be_unknown(join: Join) -> None:
    text = "year,artist,track_id\n1960,,j\n1961,Coltrane,jazz/same\n"
    assert join(text) == {"jazz/j": of_artist(""), "jazz/same": of_artist("Coltrane")}
    assert join("track_id,year\nj,1960\n") == {"jazz/j": of_artist("")}


def test_an_id_is_not_ambiguous_where_it_is_another_tracks_file_name(tmp_path: Path) -> None:
    tracks = find_tracks(folder_of(tmp_path, "pop/a.wav", "pop/a.wav.wav"))
    (tmp_path / "metadata.csv").write_text("track_id,artist\npop/a.wav,Two\npop/a,One\n")
    known = read_metadata(tracks, tmp_path)
    assert known == {"pop/a.wav": of_artist("Two"), "pop/a": of_artist("One")}


@pytest.mark.parametrize("name", ["b.1", "blues", "jazz/b.0", "b.0.wav", ""])
def test_a_row_that_matches_no_track_is_an_error(join: Join, name: str) -> None:
    with pytest.raises(PipelineError, match=rf"metadata\.csv: the row '{name}' matches no track"):
        join(f"track_id,artist\n{name},Nobody\n")


def test_an_ambiguous_name_is_an_error(join: Join) -> None:
    with pytest.raises(PipelineError, match="'same' matches both blues/same and jazz/same"):
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
        read_metadata(tracks, tmp_path)


def test_split_and_fold_are_read_as_they_stand(join: Join) -> None:
    text = "track_id,fold,split\nj, 3 , train \nb.0,,valid\n"
    assert join(text) == {
        "jazz/j": {"artist": "", "split": "train", "fold": "3"},
        "blues/b.0": {"artist": "", "split": "valid", "fold": ""},
    }


def test_gtzans_artists_are_used_where_metadata_names_none(join: Join) -> None:
    known = join("track_id,artist,fold\nb.0,Mine,1\nj,,2\n")
    names = ("blues/b.0", "jazz/j", "jazz/same", "blues/same")
    facts = {name: Fact("Theirs", "", "train", "") for name in names[:3]}
    facts["blues/same"] = Fact("", "", "train", "")
    filled = with_gtzan_artists(known, facts)
    assert [filled[name]["artist"] for name in names] == ["Mine", "Theirs", "Theirs", ""]
    assert [filled[name]["fold"] for name in names[:2]] == ["1", "2"]
    assert known["jazz/j"]["artist"] == ""
    assert with_gtzan_artists(known, {}) == known


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing"])
def test_a_table_that_is_none_is_an_error_and_not_ignored(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "metadata.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nothing")
    with pytest.raises(PipelineError, match=r"csv is (not a regular file|a link to nothing)"):
        read_metadata([], tmp_path)
