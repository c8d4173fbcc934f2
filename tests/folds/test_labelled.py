"""Labelled clips: their labels and folds, and rows that stay in the store until needed."""

from pathlib import Path

import numpy as np
import pytest
from helpers import folded, write_tracks

from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES, FOLDS
from pipeline.folds.labelled import load_features, load_labelled
from pipeline.folds.table import write_folds
from pipeline.store.store import Store, write_store

TRACKS = [
    folded(f"{genre}/{n}", genre, tested_in=((0,), (1,), (0, 1), ())[n % 4])
    for genre in ("b", "a")
    for n in range(20)
]
CLIPS = {track.track_id: 1 + number % 3 for number, track in enumerate(TRACKS)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = {
        name: rng.normal(size=(count, 3, 2)).astype(np.float16) for name, count in CLIPS.items()
    }
    rows["unlabelled/x"] = np.zeros((1, 3, 2), np.float16)
    write_store(tmp_path / "store", {"name": "noise"}, rows)
    return tmp_path / "store"


def test_every_row_has_its_label_and_folds(folder: Path) -> None:
    clips = load_labelled(folder, TRACKS)
    with Store(folder) as store:
        expected = store.read(track.track_id for track in TRACKS)
        assert clips.digests == {t.track_id: store.digest(t.track_id) for t in TRACKS}
    count = sum(CLIPS.values())
    assert clips.rows.shape == expected.shape == (count, 3, 2)
    assert clips.rows.dtype == expected.dtype
    index = np.random.default_rng(1).permutation(count)
    np.testing.assert_array_equal(clips.rows[index], expected[index])
    assert clips.genres == ["a", "b"]
    found = list(zip(clips.track_ids, clips.labels, clips.tested.T.tolist(), strict=True))
    assert found == [
        (t.track_id, "ab".index(t.genre), [fold in t.tested_in for fold in (0, 1)])
        for t in TRACKS
        for _ in range(CLIPS[t.track_id])
    ]
    assert clips.clip_numbers.tolist() == [n for t in TRACKS for n in range(CLIPS[t.track_id])]
    assert not clips.by_clip


def test_rows_and_their_tracks_lead_to_each_other(folder: Path) -> None:
    clips = load_labelled(folder, TRACKS)
    some = [TRACKS[30], TRACKS[4], TRACKS[5]]
    rows = clips.rows_of(some)
    assert clips.track_ids[rows].tolist() == [
        name for t in (some[1], some[2], some[0]) for name in [t.track_id] * CLIPS[t.track_id]
    ]
    assert clips.tracks_of(rows) == [some[1], some[2], some[0]]
    assert clips.rows_of([]).tolist() == []


def test_folds_by_clip_choose_single_rows(folder: Path) -> None:
    three = next(name for name, count in CLIPS.items() if count == 3)
    wanted = [folded(three, "b", clip=clip, tested_in=(clip,)) for clip in (0, 2)]
    wanted.append(folded("a/0", "a", clip=0, tested_in=(1,)))
    clips = load_labelled(folder, wanted)
    with Store(folder) as store:
        expected = [store.rows(three)[0], store.rows(three)[2], store.rows("a/0")[0]]
    np.testing.assert_array_equal(clips.rows[np.arange(3)], expected)
    assert clips.clip_numbers.tolist() == [0, 2, 0]
    assert clips.by_clip
    assert clips.rows_of(wanted[1:2]).tolist() == [1]
    missing = folded(three, "b", clip=3)
    with pytest.raises(PipelineError, match=f"{three} has 3 clips in the store, so there is no"):
        load_labelled(folder, [*wanted, missing])


def test_a_track_that_the_store_lacks_is_named(folder: Path) -> None:
    missing = [folded("b/98", "b"), folded("b/99", "b")]
    with pytest.raises(PipelineError, match=r"store has no rows of b/98 \(missing tracks: 2\)"):
        load_labelled(folder, [*TRACKS, *missing])


def test_a_feature_comes_with_a_table_of_its_rows(folder: Path) -> None:
    """Folds are read from the project that is named, whatever the working directory is."""
    project = folder.parent / "project"
    (project / FEATURE_STORES).mkdir(parents=True)
    folder.rename(project / FEATURE_STORES / "noise")
    write_folds(TRACKS, project / FOLDS)
    artists = {track.track_id: f"of {track.track_id}" for track in TRACKS[1:]}
    rows = [(track.track_id, track.genre, "ok") for track in TRACKS]
    write_tracks(project, rows, artist=artists)
    values, table = load_features("noise", project)
    with Store(project / FEATURE_STORES / "noise") as store:
        expected = store.read(track.track_id for track in TRACKS)
    np.testing.assert_array_equal(values, expected)
    assert list(table) == ["track_id", "genre", "artist", "clip", "fold"]
    assert list(zip(*(column.tolist() for column in table.values()), strict=True)) == [
        (t.track_id, t.genre, artists.get(t.track_id, ""), clip, min(t.tested_in, default=-1))
        for t in TRACKS
        for clip in range(CLIPS[t.track_id])
    ]
