"""The protocols side by side: honest figures, and the leaky one named as such."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    run_main,
    saves_models,
    train_quickly,
    write_project,
    write_tracks,
)

from pipeline import protocols
from pipeline.base.errors import LeakError, PipelineError
from pipeline.base.files import REPLICAS, read_csv, write_csv
from pipeline.dataset.tracks import REPLICA_COLUMNS, read_tracks
from pipeline.folds import assignment
from pipeline.folds.assignment import Assignment
from pipeline.trials import trial

pytestmark = [saves_models, pytest.mark.usefixtures("project")]


TABLE = Path("protocols.csv")


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small project as the working directory, with replicas searched and none found.

    There is one cache for all tests here, which train a fold only once.
    """
    write_project(tmp_path, {"models.ann.epochs": 1})
    write_csv(tmp_path / REPLICAS, REPLICA_COLUMNS, [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path_factory.getbasetemp() / "protocols"))
    train_quickly(monkeypatch)


def run(*names: str) -> None:
    run_main(protocols.main, *names, "--csv", TABLE)


def test_table_tells_the_leaky_protocol_apart_and_is_the_same_the_second_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run()
    output = capsys.readouterr()
    song, leaky = (
        next(row for row in read_csv(TABLE) if row["protocol"] == name) for name in ("song", "clip")
    )
    assert [leaky["track_accuracy"], leaky["clip_accuracy"]] == ["", ""]
    assert 0 <= float(leaky["leaky_clip_accuracy"]) <= 1
    assert song["leaky_clip_accuracy"] == ""
    low, accuracy, high = (float(song[f"track_accuracy{bound}"]) for bound in ("_low", "", "_high"))
    assert low <= accuracy <= high
    assert low < high
    assert (song["folds"], song["tracks"], leaky["tracks"]) == ("2", "12", "12")
    assert "clip (leaks)" in output.out
    said = output.out.index("2 more folds: ")  # those of song: the others are left out before
    assert output.out.index("-- clip") < said < output.out.index("-- song")
    assert "artist: left out: split.protocol = 'artist', but no artist is known" in output.err
    assert "filtered: left out: split.protocol = 'filtered' is a split of GTZAN" in output.err
    first = TABLE.read_bytes()
    run()
    assert capsys.readouterr().out.count("taken from the cache") == 4
    assert TABLE.read_bytes() == first


def test_a_stop_prints_what_is_done_and_leaves_an_older_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    TABLE.write_text("an older table")
    trained = trial.train_and_test

    def stopped(assigned: Assignment, *others: Any) -> Any:
        if assigned.figures["protocol"] == "song":
            raise KeyboardInterrupt
        return trained(assigned, *others)

    monkeypatch.setattr(trial, "train_and_test", stopped)
    with pytest.raises(KeyboardInterrupt):
        run("clip", "song")
    assert capsys.readouterr().out.splitlines()[-1].startswith("clip (leaks) ")
    assert TABLE.read_text() == "an older table"


def test_tracks_are_those_that_are_tested_each_counted_once() -> None:
    """Of twelve tracks, eight train, and the models of three seeds are tested on the other four."""
    parts = {track.track_id: "train" for track in read_tracks() if track.genre}
    parts |= dict.fromkeys(["high/0", "high/1", "low/0", "low/1"], "test")
    rows = [(t.track_id, t.genre, "ok") for t in read_tracks()]
    write_tracks(Path(), rows, split=parts)
    run("given")
    [row] = read_csv(TABLE)
    assert (row["judged"], row["folds"], row["tracks"]) == ("test", "3", "4")


def test_leak_stops_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tracks are assigned one by one, although each is the same recording as the next."""
    monkeypatch.setattr(assignment, "replica_groups", lambda *_: {})
    ids = [track.track_id for track in read_tracks() if track.genre]
    monkeypatch.setattr(trial, "read_replica_pairs", lambda: [*itertools.pairwise(ids)])
    with pytest.raises(LeakError, match=r"^leak: .* are replicas$"):
        run("artist", "song", "clip")
    assert "song: left out" not in capsys.readouterr().err
    assert not TABLE.exists()


def test_unknown_protocol_and_nothing_to_run_are_errors() -> None:
    with pytest.raises(PipelineError, match=r"^there is no protocol 'songs'; choose from song, ar"):
        run("songs")
    with pytest.raises(PipelineError, match=r"^none of the protocols could be run$"):
        run("filtered")
    assert not TABLE.exists()
