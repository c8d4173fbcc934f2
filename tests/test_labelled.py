"""Labelled clips: rows that stay in the store, in the order of the tables."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from pipeline.labelled import StoredRows, load_labelled
from pipeline.store import Store, write_store
from pipeline.tracks import FoldedTrack

TRACKS = [FoldedTrack(f"{genre}/{n}", genre, n % 2) for genre in ("b", "a") for n in range(20)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = {t.track_id: rng.normal(size=(1 + t.fold, 3, 2)).astype(np.float16) for t in TRACKS}
    rows["unlabelled/x"] = np.zeros((1, 3, 2), np.float16)
    write_store(tmp_path / "store", {"name": "noise"}, rows)
    return tmp_path / "store"


def test_every_row_stands_beside_what_is_known_of_it(folder: Path) -> None:
    clips = load_labelled(folder, TRACKS)
    with Store(folder) as store:
        expected = store.read(track.track_id for track in TRACKS)
        assert clips.digests == {t.track_id: store.digest(t.track_id) for t in TRACKS}
    assert clips.rows.shape == expected.shape == (60, 3, 2)
    assert clips.rows.dtype == expected.dtype
    np.testing.assert_array_equal(clips.rows[np.arange(60)], expected)
    assert clips.genres == ["a", "b"]
    found = list(zip(clips.track_ids, clips.labels, clips.folds, strict=True))
    assert found == [
        (t.track_id, "ab".index(t.genre), t.fold) for t in TRACKS for _ in range(1 + t.fold)
    ]


def test_rows_come_in_the_order_asked_for(folder: Path) -> None:
    rows = load_labelled(folder, TRACKS).rows
    index = np.random.default_rng(1).integers(0, len(rows), 200)
    np.testing.assert_array_equal(rows[index], rows[np.arange(len(rows))][index])


def test_what_goes_to_another_process_holds_no_rows(folder: Path) -> None:
    rows = StoredRows(folder, np.arange(7)[::-1])
    expected = rows[np.arange(7)]
    sent = pickle.dumps(rows)
    assert len(sent) < 2000
    again = pickle.loads(sent)
    assert again.shape == rows.shape
    np.testing.assert_array_equal(again[np.arange(7)], expected)
