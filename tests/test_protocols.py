"""The protocols side by side: honest figures beside the leaky one, which says what it is."""

import itertools
import sys
from pathlib import Path

import pytest
from helpers import OFFLINE, saves_models, small_experiment, write_project, write_tracks
from pipeline.tasks.fitting import FoldTask

from pipeline import protocols
from pipeline.augmentation.offline import make_samples
from pipeline.base.errors import PipelineError
from pipeline.base.paths import AUGMENTED, REPLICAS
from pipeline.base.tables import read_csv, write_csv
from pipeline.dataset.tracks import read_tracks
from pipeline.folds import assignment
from pipeline.folds.errors import LeakError
from pipeline.recordings.pairs import REPLICA_COLUMNS
from pipeline.training import tasks

pytestmark = [saves_models, pytest.mark.usefixtures("project")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small project as the working directory, with replicas searched and none found."""
    write_project(tmp_path)
    write_csv(tmp_path / REPLICAS, REPLICA_COLUMNS, [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tasks, "map_folds", lambda f, tasks: [f(task) for task in tasks])


def run(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(sys, "argv", ["protocols", *names])
    protocols.main()


def test_table_has_a_row_a_protocol_and_the_leak_is_no_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    output = capsys.readouterr()
    song, leaky = (
        next(row for row in read_csv(protocols.TABLE) if row["protocol"] == name)
        for name in ("song", "clip")
    )
    assert [leaky["track_accuracy"], leaky["clip_accuracy"]] == ["", ""]
    assert 0 <= float(leaky["leaky_clip_accuracy"]) <= 1
    assert song["leaky_clip_accuracy"] == ""
    low, accuracy, high = (float(song[f"track_accuracy{bound}"]) for bound in ("_low", "", "_high"))
    assert low <= accuracy <= high
    assert low < high
    assert (song["folds"], song["tracks"], leaky["tracks"]) == ("2", "12", "12")
    assert "clip (leaks)" in output.out
    assert "artist: left out: split.protocol = 'artist', and no artist is known" in output.err
    assert "filtered: left out: split.protocol = 'filtered' is a split of GTZAN" in output.err


def test_folds_that_were_trained_before_are_not_trained_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "song")
    first = Path(protocols.TABLE).read_bytes()
    capsys.readouterr()
    run(monkeypatch, "song")
    assert capsys.readouterr().out.count("taken from the cache") == 2
    assert Path(protocols.TABLE).read_bytes() == first


def test_samples_train_here_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    params = small_experiment(OFFLINE)
    make_samples(params, read_tracks(), AUGMENTED)
    trained: list[tuple[int, int]] = []

    def stop(tasks: list[FoldTask]) -> None:
        trained.extend((len(task.train), len(task.augmented)) for task in tasks)
        raise PipelineError("enough")

    monkeypatch.setattr(protocols, "train_folds", stop)
    for name in ("song", "clip"):
        with pytest.raises(PipelineError, match="enough"):
            protocols.run_protocol(name, params)
    assert len(trained) == 4
    assert all(augmented == 2 * own > 0 for own, augmented in trained)


def test_gap_is_the_leaky_clips_less_the_honest_ones() -> None:
    rows = [
        {"protocol": "clip", "leaky_clip_accuracy": 0.75},
        {"protocol": "song", "clip_accuracy": 0.5},
    ]
    assert protocols.leads(rows) == ["clip (leaks) less song: +25.0 points of clip accuracy"]
    assert protocols.leads(rows[1:]) == []


def test_tracks_are_those_that_are_judged_once_each() -> None:
    """Of twelve tracks eight train; three seeds judge the other four."""
    parts = {track.track_id: "train" for track in read_tracks() if track.genre}
    parts |= dict.fromkeys(["high/0", "high/1", "low/0", "low/1"], "test")
    rows = [(t.track_id, t.genre, "ok") for t in read_tracks()]
    write_tracks(Path(), rows, split=parts)
    row = protocols.run_protocol("given", small_experiment())
    assert (row["judged"], row["folds"], row["tracks"]) == ("test", 3, 4)


def test_a_leak_stops_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tracks are dealt one by one, though each is the same recording as the next."""
    monkeypatch.setattr(assignment, "replica_groups", lambda *_: {})
    ids = [track.track_id for track in read_tracks() if track.genre]
    monkeypatch.setattr(protocols, "read_replica_pairs", lambda: [*itertools.pairwise(ids)])
    with pytest.raises(LeakError, match=r"^leak: .* are replicas$"):
        run(monkeypatch, "artist", "song", "clip")
    assert "song: left out" not in capsys.readouterr().err
    assert not protocols.TABLE.exists()


def test_unknown_protocol_and_nothing_to_run_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PipelineError, match=r"^no protocol 'songs'; choose from song, artist"):
        run(monkeypatch, "songs")
    with pytest.raises(PipelineError, match=r"^none of the protocols could be run$"):
        run(monkeypatch, "filtered")
    assert not protocols.TABLE.exists()
