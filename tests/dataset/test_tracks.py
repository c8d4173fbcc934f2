"""The table of tracks: rejected files are left out, and all else is read as it was written."""

from pathlib import Path

import pytest

from pipeline.base.errors import PipelineError
from pipeline.base.files import write_csv
from pipeline.dataset.tracks import COLUMNS, OK, REJECTED, TRUNCATED, Track, read_tracks


def test_usable_tracks_are_read_and_rejected_files_are_not(tmp_path: Path) -> None:
    cells = {"genre": "a", "artist": "X, Y", "split": "train", "fold": "3", "sha256": "ab"}
    rows = [
        {**cells, "track_id": "a/1", "clips": 10, "status": OK},
        {**cells, "track_id": "a/2", "clips": 0, "status": f"{REJECTED}: silent"},
        {"track_id": "unlabelled/3", "clips": 2, "status": TRUNCATED},
    ]
    write_csv(tmp_path / "tracks.csv", COLUMNS, rows)
    assert read_tracks(tmp_path / "tracks.csv") == [
        Track("a/1", **cells, clips=10),
        Track("unlabelled/3", "", "", "", "", clips=2, sha256=""),
    ]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    columns = [name for name in COLUMNS if name != "clips"]
    write_csv(tmp_path / "tracks.csv", columns, [])
    with pytest.raises(PipelineError, match=r"tracks\.csv has no column 'clips'"):
        read_tracks(tmp_path / "tracks.csv")


@pytest.mark.parametrize("clips", ["", "-1", "two"])
def test_a_damaged_number_of_clips_is_named(tmp_path: Path, clips: str) -> None:
    write_csv(tmp_path / "tracks.csv", COLUMNS, [{"track_id": "a/1", "clips": clips}])
    with pytest.raises(PipelineError, match=r"tracks\.csv, line 2 is damaged; run `dvc repro`"):
        read_tracks(tmp_path / "tracks.csv")
