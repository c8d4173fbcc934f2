"""The stage replicas: its tables and warnings for planted replicas, and what is not a replica."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import write_tracks
from signals import music

from pipeline import replicas
from pipeline.audio.clips import Pcm, cut, to_pcm
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, FINGERPRINTS, REPLICAS, read_csv, read_json
from pipeline.dataset.tracks import REPLICA_COLUMNS
from pipeline.recordings.matching import LEAST_AGREEMENT
from pipeline.store.store import Store, write_store

RATE = 22_050
DESCRIPTION = {"name": "pcm", "unit": "full scale", "sample_rate": RATE, "seconds": 1}


def clips_of(samples: Any) -> Pcm:
    return cut(to_pcm(np.asarray(samples)), RATE)


PIECES = [music(number) for number in range(5)]
NOISE = np.random.default_rng(0).normal(0, 0.01, len(PIECES[0]))
PLANTED = {
    "blues/a": PIECES[0],
    "blues/b": PIECES[1],
    "blues/d": PIECES[0],  # an exact replica; with the next, across genres
    "jazz/c": PIECES[0][RATE:] * 0.5 + NOISE[RATE:],
    "jazz/other": PIECES[2],
    "jazz/short": PIECES[3][:RATE],  # too short for a fingerprint
    "pop/short": PIECES[3][:RATE],
    "pop/shorter": PIECES[4][:RATE],
    "unlabelled/u": PIECES[1] * 0.7,
}


def prepare(folder: Path, tracks: dict[str, Any]) -> None:
    """Write what segment does: clips, and one row for each file, one of them rejected."""
    write_store(folder / CLIPS, DESCRIPTION, {name: clips_of(x) for name, x in tracks.items()})
    statuses = {**dict.fromkeys(tracks, "ok"), "rock/broken": "rejected: empty file"}
    genres = {name: name.split("/")[0].replace("unlabelled", "") for name in statuses}
    write_tracks(folder, [(name, genres[name], statuses[name]) for name in sorted(statuses)])


def rows() -> list[tuple[str, ...]]:
    columns = ("track_id", "same_as", "kind", "offset_seconds", "genre", "same_as_genre")
    return [tuple(row[name] for name in columns) for row in read_csv(REPLICAS, REPLICA_COLUMNS)]


def test_planted_replicas_are_found_and_counted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(project, PLANTED)
    replicas.main()
    assert rows() == [
        ("blues/a", "blues/d", "exact", "0.0", "blues", "blues"),
        ("blues/a", "jazz/c", "near", "1.0", "blues", "jazz"),
        ("blues/b", "unlabelled/u", "near", "0.0", "blues", ""),
        ("blues/d", "jazz/c", "near", "1.0", "blues", "jazz"),
        ("jazz/short", "pop/short", "exact", "0.0", "jazz", "pop"),
    ]
    for row in read_csv(REPLICAS):
        agreement = float(row["agreement"])
        assert round(agreement, 4) == agreement
        assert agreement == 1 if row["kind"] == "exact" else LEAST_AGREEMENT <= agreement <= 1
    with Store(FINGERPRINTS) as store:
        assert (store.description["name"], store.shape[1:]) == ("fingerprint", (80,))
    assert read_json(replicas.COUNTS) == {
        "tracks": 9,
        "exact_pairs": 2,
        "near_pairs": 3,
        "pairs_across_genres": 3,
        "tracks_with_replica": 7,
    }
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert [line.split(" (")[0] for line in warnings] == [
        "warning: blues/a and jazz/c are the same recording",
        "warning: blues/d and jazz/c are the same recording",
        "warning: jazz/short and pop/short are the same recording",
    ]


def test_the_offset_says_where_the_second_begins(project: Path) -> None:
    late, early = PIECES[2], PIECES[2][2 * RATE :]
    prepare(project, {"a/early": early, "b/late": late, "c/early": early})
    replicas.main()
    assert [row[:4] for row in rows()] == [
        ("a/early", "b/late", "near", "-2.0"),
        ("a/early", "c/early", "exact", "0.0"),
        ("b/late", "c/early", "near", "2.0"),
    ]


def test_without_replicas_there_is_only_a_header(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(project, {f"rock/{number}": samples for number, samples in enumerate(PIECES)})
    replicas.main()
    assert REPLICAS.read_text() == ",".join(REPLICA_COLUMNS) + "\n"
    assert read_json(replicas.COUNTS)["tracks_with_replica"] == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_neither_workers_nor_a_second_run_change_a_byte(
    project: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(project, PLANTED)
    replicas.main()
    before = REPLICAS.read_bytes(), replicas.COUNTS.read_bytes()
    monkeypatch.setenv("PIPELINE_WORKERS", workers)
    monkeypatch.setenv("PIPELINE_CACHE", str(project / "cache"))
    replicas.main()
    assert (REPLICAS.read_bytes(), replicas.COUNTS.read_bytes()) == before


def test_tables_and_clips_of_different_runs_are_refused(project: Path) -> None:
    prepare(project, PLANTED)
    write_tracks(project, [("blues/a", "blues", "ok")])
    with pytest.raises(PipelineError, match="have different tracks; run `dvc repro segment`"):
        replicas.main()
