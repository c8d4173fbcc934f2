"""The split stage: labelled, usable tracks get a fold, others none."""

from pathlib import Path

import pytest
from helpers import SMALL, write_params, write_tracks

from pipeline.errors import PipelineError
from pipeline.folds import FoldError, song
from pipeline.split import main
from pipeline.tracks import FOLDS, read_folds

Row = tuple[str, str, str]

USABLE: list[Row] = [(f"{genre}/{i}", genre, "ok") for genre in ("blues", "jazz") for i in range(4)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, {**SMALL, "seed": 5})
    return tmp_path


def test_every_labelled_track_gets_its_fold(folder: Path) -> None:
    write_tracks(folder, USABLE)
    main()
    folded = read_folds()
    assert [(track.track_id, track.genre) for track in folded] == [row[:2] for row in USABLE]
    assert [track.fold for track in folded] == song([row[1] for row in USABLE], 2, 5)


def test_unlabelled_and_rejected_tracks_get_none_and_move_no_other(folder: Path) -> None:
    write_tracks(folder, USABLE)
    main()
    before = FOLDS.read_bytes()
    others = [
        ("blues/broken", "blues", "rejected: empty file"),
        ("unlabelled/song", "", "ok"),
        ("unlabelled/broken", "", "rejected: silent"),
    ]
    write_tracks(folder, sorted([*USABLE, *others]))
    main()
    assert FOLDS.read_bytes() == before


def test_truncated_tracks_get_one(folder: Path) -> None:
    write_tracks(folder, [(track, genre, "truncated") for track, genre, _ in USABLE])
    main()
    assert len(read_folds()) == len(USABLE)


@pytest.mark.parametrize(
    ("rows", "found"), [(USABLE[:4], USABLE[0][1]), ([("unlabelled/a", "", "ok")], "none")]
)
def test_fewer_than_two_genres_is_an_error(folder: Path, rows: list[Row], found: str) -> None:
    write_tracks(folder, rows)
    with pytest.raises(PipelineError, match=f"usable tracks: {found}; at least two"):
        main()
    assert not FOLDS.exists()


def test_rejected_tracks_do_not_count_for_their_genre(folder: Path) -> None:
    rejected = [("jazz/0", "jazz", "ok"), ("jazz/1", "jazz", "rejected: silent")]
    write_tracks(folder, [*USABLE[:4], *rejected])
    with pytest.raises(FoldError, match="genre 'jazz' has 1 usable tracks"):
        main()


@pytest.mark.usefixtures("folder")
def test_missing_table_is_named() -> None:
    with pytest.raises(PipelineError, match=r"tracks\.csv is missing"):
        main()
