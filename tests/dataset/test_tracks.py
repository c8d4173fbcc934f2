"""The tables of tracks and replicas, artists in several spellings, and the dataset's path."""

from pathlib import Path

import pytest

from pipeline.base.errors import PipelineError
from pipeline.base.files import write_csv
from pipeline.dataset.tracks import (
    COLUMNS,
    OK,
    REJECTED,
    Track,
    artists_by_credit,
    normalise,
    read_facts,
    read_replica_pairs,
    read_tracks,
)


def test_usable_tracks_are_read_and_rejected_files_are_not(tmp_path: Path) -> None:
    cells = {"genre": "a", "artist": "X, Y", "split": "train", "fold": "3", "sha256": "ab"}
    rows = [
        {**cells, "track_id": "a/1", "clips": 10, "status": OK},
        {**cells, "track_id": "a/2", "clips": 0, "status": f"{REJECTED}: silent"},
        {"track_id": "unlabelled/3", "clips": 2, "status": "truncated; clipped"},
    ]
    write_csv(tmp_path / "tracks.csv", COLUMNS, rows)
    assert read_tracks(tmp_path / "tracks.csv") == [
        Track("a/1", **cells, clips=10),
        Track("unlabelled/3", "", "", "", "", clips=2, sha256=""),
    ]


@pytest.mark.parametrize("clips", ["", "-1", "two"])
def test_a_damaged_number_of_clips_is_named(tmp_path: Path, clips: str) -> None:
    write_csv(tmp_path / "tracks.csv", COLUMNS, [{"track_id": "a/1", "clips": clips}])
    with pytest.raises(PipelineError, match=r"tracks\.csv, line 2 is damaged; run `dvc repro`"):
        read_tracks(tmp_path / "tracks.csv")


def test_of_replicas_only_the_two_track_ids_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "replicas.csv"
    path.write_text("kind,same_as,track_id\nsame,a/2,a/1\n")
    assert read_replica_pairs(path) == [("a/1", "a/2")]


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        *((name, "milesdavis") for name in ("Miles Davis", " Miles  davis", "MILES-DAVIS.")),
        *((name, name) for name in ("!!!", "+/-")),  # nothing else would be left
    ],
)
def test_case_spaces_and_punctuation_make_no_other_artist(name: str, normalised: str) -> None:
    assert normalise(name) == normalised


@pytest.mark.parametrize("joint", ["A and B", "a & C, B", "B feat. A", "B Featuring A", "A vs. B"])
def test_a_joint_credit_is_of_those_who_are_credited_alone_elsewhere(joint: str) -> None:
    artists = artists_by_credit(["A", "B", joint, ""])
    assert artists == {"A": {"a"}, "B": {"b"}, joint: {"a", "b", normalise(joint)}}


def test_bands_with_names_like_joint_credits_are_left_alone() -> None:
    names = ["Earth, Wind & Fire", "KC and The Sunshine Band", "Count and His Band", "His Band X"]
    assert artists_by_credit(names) == {name: {normalise(name)} for name in names}


def test_joint_credits_of_gtzan() -> None:
    credits = artists_by_credit(fact.artist for fact in read_facts().values())
    assert {name for name, artists in credits.items() if len(artists) > 1} == {
        "Barbra Streisand and Donna Summer",
        "Aretha Franklin, Celine Dion, Mariah Carey, Shania Twain & Gloria Estefan",
        "Lauryn Hill and Bob Marley",
        "Peter Tosh and Mick Jagger",
    }
