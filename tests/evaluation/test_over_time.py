"""Genres along the time, as a table and as labels."""

from pathlib import Path

import numpy as np

from pipeline.base.files import read_csv
from pipeline.prediction.files import write_labels, write_over_time

GENRES = ["blues", "jazz"]
BLUES, JAZZ = [0.75, 0.25], [0.125, 0.875]
SONG = np.array([BLUES, BLUES, JAZZ, BLUES])


def test_every_clip_has_its_place_and_its_genre(tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    write_over_time(path, {"a.mp3": SONG, "b.mp3": SONG[2:]}, GENRES, 3)
    rows = read_csv(path)
    assert [row["file"] for row in rows] == ["a.mp3"] * 4 + ["b.mp3"] * 2
    assert [(row["start"], row["end"]) for row in rows[:4]] == [
        ("0", "3"),
        ("3", "6"),
        ("6", "9"),
        ("9", "12"),
    ]
    assert [row["genre"] for row in rows[:4]] == ["blues", "blues", "jazz", "blues"]
    assert [row["probability"] for row in rows[1:3]] == ["0.7500", "0.8750"]
    assert rows[4]["start"] == "0"


def test_clips_of_one_genre_share_a_label(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    write_labels(path, {"a.mp3": SONG}, GENRES, 3)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "0.000000\t6.000000\tblues",
        "6.000000\t9.000000\tjazz",
        "9.000000\t12.000000\tblues",
    ]


def test_labels_of_several_files_follow_one_another_and_are_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    write_labels(path, {"a\tb.mp3": SONG[:2], "c.mp3": SONG[2:3]}, GENRES, 1)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "0.000000\t2.000000\ta?b.mp3: blues",  # a tab would begin another column
        "2.000000\t3.000000\tc.mp3: jazz",
    ]
