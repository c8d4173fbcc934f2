"""Damaged tables: they are read, or one line says what is wrong with them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzz.damage import EDITS, Edit, cases, damaged
from fuzz.fair import Bench
from hypothesis import given
from hypothesis import strategies as st

from pipeline.augmentation.samples import TABLE, Sample, read_samples, write_samples
from pipeline.base.files import GrowingTable, read_json, write_csv, write_json
from pipeline.dataset.folder import METADATA, METADATA_COLUMNS, TrackFile, read_metadata
from pipeline.dataset.tracks import (
    COLUMNS,
    OK,
    REJECTED,
    REPLICA_COLUMNS,
    Track,
    read_replica_pairs,
    read_tracks,
)
from pipeline.folds.assignment import assign_folds
from pipeline.folds.table import FoldedTrack, SplitParams, read_folds, write_folds

IDS = [f"{genre}/{name}" for genre in ("pop", "rock") for name in ("a", 'b "x", y', "c\nd", "é")]
FILES = [TrackFile(name, name.partition("/")[0], Path(f"{name}.wav")) for name in IDS]
GIVEN = SplitParams(
    protocol="given", folds=2, judge="test", seeds=2, least_tracks=0, group="artist"
)
GROWN = ["file", "genre"]
SAMPLE = Sample(IDS[0], 0, 0, "flip", "pop", "mel", "ab", "cd", [{"kind": "flip"}])

Write = Callable[[Path], Any]
Read = Callable[[Path], Any]


def write_metadata(path: Path) -> None:
    rows = [
        {"track_id": name, "artist": f"artist {number}", "split": "train", "fold": number % 3}
        for number, name in enumerate(IDS)
    ]
    write_csv(path, ["track_id", *METADATA_COLUMNS], rows)


def read_given(path: Path) -> list[FoldedTrack]:
    """The folds that the metadata prescribe."""
    path.replace(path.with_name(METADATA))
    metadata = read_metadata(FILES, path.parent).cells
    tracks = [
        Track(file.track_id, file.genre, clips=1, sha256="", **metadata[file.track_id])
        for file in FILES
        if file.track_id in metadata
    ]
    return assign_folds(tracks, [], GIVEN, 0).tracks


def write_tracks(path: Path) -> None:
    rows = [
        {"track_id": name, "genre": "pop", "clips": 3, "status": status, "sha256": "ab"}
        for name, status in zip(IDS, 2 * [OK, OK, OK, f"{REJECTED}: silent"], strict=True)
    ]
    write_csv(path, COLUMNS, rows)


def write_table_of_folds(path: Path) -> None:
    write_folds([FoldedTrack(name, 1, "pop", "X", "", (0, 1), (2,)) for name in IDS], path)


def write_table_of_samples(path: Path) -> None:
    write_samples(path.parent, 3 * [SAMPLE])
    (path.parent / TABLE).replace(path)


def read_table_of_samples(path: Path) -> list[Sample]:
    path.replace(path.with_name(TABLE))
    return read_samples(path.parent)


def write_pairs(path: Path) -> None:
    write_csv(path, REPLICA_COLUMNS, [{"track_id": IDS[0], "same_as": IDS[1]}])


def write_grown(path: Path) -> None:
    write_csv(path, GROWN, [{"file": name, "genre": "pop"} for name in IDS])


def read_grown(path: Path) -> list[dict[str, str]]:
    with GrowingTable(path, GROWN, resume=True) as table:
        table.add({"file": "one more", "genre": "pop"})
        earlier = len(table.earlier)
    with GrowingTable(path, GROWN, resume=True) as table:
        assert len(table.earlier) == earlier + 1
        return table.earlier


def write_figures(path: Path) -> None:
    write_json(path, {"accuracy": 0.5, "genres": ["pop"], "nested": {"a": None}})


KINDS: dict[str, tuple[Write, Read]] = {
    "metadata": (write_metadata, read_given),
    "tracks": (write_tracks, read_tracks),
    "folds": (write_table_of_folds, read_folds),
    "samples": (write_table_of_samples, read_table_of_samples),
    "replicas": (write_pairs, read_replica_pairs),
    "predictions": (write_grown, read_grown),
    "figures": (write_figures, read_json),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def content_of(kind: str, folder: Path) -> bytes:
    KINDS[kind][0](folder / "table")
    return (folder / "table").read_bytes()


def try_table(kind: str, folder: Path) -> Any:
    return KINDS[kind][1](folder / "table")


def tried(bench: Bench, kind: str, folder: Path, content: bytes) -> Any:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "table").write_bytes(content)
    return bench.try_call(try_table, kind, folder)


@given(kind=st.sampled_from(sorted(KINDS)), edits=EDITS)
@cases(150)
def test_damaged_tables(bench: Bench, folder: Path, kind: str, edits: list[Edit]) -> None:
    tried(bench, kind, folder, damaged(content_of(kind, folder), edits))
