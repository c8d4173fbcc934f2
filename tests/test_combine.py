"""The command on a real repository of git and DVC: its text, JSON and table, its refusals."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from repository import (
    ACTUAL,
    BETTER,
    MAIN,
    WRONG,
    Repository,
    Row,
    command,
    except_for,
    predictions,
    table,
    write_scores,
)

from pipeline import combine
from pipeline.base.files import CLIP_PREDICTIONS, VALIDATION_PREDICTIONS, read_csv
from pipeline.evaluation.predictions import predictions_of, write_predictions
from pipeline.runs.combination import learn_weights

STAGE = """
stages:
  evaluate:
    cmd: echo nobody runs this
    deps: [metrics/training.json]
    outs: [data/clip_predictions.csv, data/validation_predictions.csv]
"""
# Of the twelve tracks main has 8 right, better 11, and this one 9. It is the surest of the three.
OTHER = except_for({2: "metal", 6: "blues", 9: "metal"})
# On other tracks, those of the inner validation, main and it complement each other.
VALIDATED = {"main": except_for({0: "rock", 4: "rock"}), "other": except_for({8: "blues"})}


def write_clips(folder: Path, rows: Sequence[Row], path: Path = CLIP_PREDICTIONS) -> None:
    """Two clips for each track, whose probabilities lie on either side of the track's."""
    tracks = table(rows)
    shift = np.array([0.05, -0.03, -0.02]) * [[[1]], [[-1]]]
    clips = predictions_of(
        tracks.genres,
        np.tile(tracks.track_ids, 2),
        np.concatenate(tracks.probabilities + shift),
        clips=np.repeat([0, 1], len(tracks)),
        folds=np.tile(tracks.folds, 2),
        actual=np.tile(tracks.actual, 2),
    )
    write_predictions(folder / path, clips)


def write_validation(folder: Path, name: str, chance: float) -> None:
    """The inner validation of a run, whose figures are said to be of it."""
    rows = predictions(VALIDATED.get(name, WRONG), chance=chance)
    renamed = [{**row, "track_id": f"other/{row['track_id']}"} for row in rows]
    write_clips(folder, renamed, VALIDATION_PREDICTIONS)
    write_scores(folder)


def record(found: Repository, name: str, predicted: Sequence[str], chance: float) -> None:
    """Write a run with its clips, and with those of its inner validation."""
    rows = predictions(predicted, chance=chance)
    found.write(*rows, model=f"of-{name}", **{"segment.seconds": 3})
    write_clips(found.folder, rows)
    write_validation(found.folder, name, chance)


def write_main_and_other(found: Repository) -> None:
    """Commit a run as main, and save another as the experiment `other`; DVC has their clips."""
    (found.folder / "dvc.yaml").write_text(STAGE)
    record(found, "main", MAIN, 0.5)
    found.run("dvc", "commit", "-q", "-f")
    found.commit("main")
    record(found, "other", OTHER, 0.7)
    found.run("dvc", "commit", "-q", "-f")
    found.run("dvc", "exp", "save", "-q", "-n", "other")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """main and other, a branch of which DVC has nothing, and a workspace with all."""
    found = Repository(tmp_path_factory.mktemp("repository"), dvc=True)
    write_main_and_other(found)
    (found.folder / "dvc.lock").unlink()
    found.write(*predictions(BETTER, chance=0.6), model="short", **{"segment.seconds": 1})
    found.commit("other clips", "short")
    record(found, "better", BETTER, 0.6)
    return found


@pytest.fixture(autouse=True)
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


def test_what_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "tracks.csv"
    command(combine.main, "main", "other", "workspace", "--equal", "--csv", path)
    lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r"  +", line) for line in lines]
    assert lines[0] == "12 tracks, split by song; 3 revisions, weighted equally"
    rows = read_csv(path)
    assert list(rows[0]) == list(predictions(MAIN)[0])
    # Two of the three are wrong about blues/02, and about rock/09 the surest one is.
    assert [row["predicted"] for row in rows] == except_for({2: "metal", 9: "metal"})
    side, tracks = ([row for row in cells if row[0] == "combined"][number] for number in (0, 1))
    assert side[1:6] == ["-", "of-main + of-other + of-better", "mel", "1", "83.3"]
    [gain] = [row for row in cells if row[0] == "combined minus main"]
    assert (gain[1], gain[3:]) == ("+16.7", ["3", "1", "0.625", "1.000"])
    assert "combined minus workspace, the best" in [row[0] for row in cells]
    assert ["blues", "4", "3", "3", "0", "0", "0"] in cells
    assert tracks[1] == "79.2"  # of 24 clips: the first of metal/06 is wrong, its track is not


def test_weights_are_those_that_the_inner_validation_teaches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The workspace is best by the tests, and wrong about all inner validation tracks."""
    command(combine.main, "main", "other", "workspace")
    shown = capsys.readouterr().out
    cells = [re.split(r"  +", line) for line in shown.splitlines()]
    right = np.array(
        [[a == t for a, t in zip(VALIDATED[n], ACTUAL, strict=True)] for n in VALIDATED]
    )
    chances = np.where(right, [[0.5], [0.7]], [[0.25], [0.15]]).T
    weights = learn_weights(chances)
    for name, weight in zip(["main", "other", "workspace"], [*weights, 0], strict=True):
        assert [name, f"{weight:.2f}", f"{weight:.2f} to {weight:.2f}"] in cells
    assert "from 12 inner validation tracks in each fold" in shown
    assert "The difference from workspace is within noise" in shown
    assert "says little about music by artists\nwho are new" in shown


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    command(combine.main, "main", "workspace", "--json")
    found = json.loads(capsys.readouterr().out)
    assert [side["name"] for side in found["sides"]] == ["combined", "main", "workspace"]
    assert [gain["over"] for gain in found["gains"]] == ["main", "workspace"]
    assert found["best"] == "workspace"
    assert [clip["revision"] for clip in found["clips"]] == ["combined", "main", "workspace"]
    assert found["validation_tracks"] == [12]
    same = [
        {"revision": name, "mean": weight, "least": weight, "most": weight, "folds": [weight]}
        for name, weight in (("main", 1), ("workspace", 0))
    ]
    assert found["weights"] == same


def test_an_inner_validation_of_another_run_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = VALIDATION_PREDICTIONS.read_bytes()
    VALIDATION_PREDICTIONS.write_bytes(kept.replace(b"0.6", b"0.7"))
    for message in (
        "workspace is not of the run that",
        "workspace; run `dvc repro` there, or comb",
    ):
        with pytest.raises(SystemExit, match="2"):
            command(combine.main, "main", "workspace")
        assert f"{VALIDATION_PREDICTIONS} of {message}" in capsys.readouterr().err
        VALIDATION_PREDICTIONS.unlink(missing_ok=True)
    VALIDATION_PREDICTIONS.write_bytes(kept)


def test_other_clip_lengths_are_combined_per_track_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(combine.main, "main", "short", "--equal")
    assert "\nper track only: clips have 3 s in main and 1 s in short\n" in capsys.readouterr().out


def test_a_table_of_clips_that_is_of_another_run_is_left_alone(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = CLIP_PREDICTIONS.read_bytes()
    write_clips(repository.folder, predictions(MAIN, chance=0.6))
    command(combine.main, "main", "workspace")
    expected = f"\nper track only: {CLIP_PREDICTIONS} of workspace is of another run\n"
    assert expected in capsys.readouterr().out
    CLIP_PREDICTIONS.unlink()
    command(combine.main, "main", "workspace")
    expected = f"\nper track only: the workspace lacks {CLIP_PREDICTIONS} of workspace\n"
    assert expected in capsys.readouterr().out
    CLIP_PREDICTIONS.write_bytes(kept)


def test_clips_are_found_in_the_cache_that_dvc_is_told_of(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it lacks them, a remote that cannot be used makes no difference."""
    cache, config = (repository.folder / ".dvc" / name for name in ("cache", "config.local"))
    elsewhere = shutil.move(cache, repository.folder / "elsewhere")
    expected = f"\nper track only: DVC's cache lacks {CLIP_PREDICTIONS} of main\n"
    for url in ("../nowhere", "s3://nowhere"):
        config.write_text(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {url}\n")
        command(combine.main, "main", "other", "--equal")
        assert expected in capsys.readouterr().out
    config.write_text("[cache]\n    dir = ../elsewhere\n")
    command(combine.main, "main", "other")
    assert "per track only" not in capsys.readouterr().out
    config.unlink()
    shutil.move(elsewhere, cache)


def test_a_project_may_lie_below_the_root_of_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Repository(tmp_path, dvc=True, below="project")
    write_main_and_other(found)
    monkeypatch.chdir(found.folder)
    command(combine.main, "main", "other")
    shown = capsys.readouterr().out
    assert "combined minus other" in shown
    assert "per track only" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["main"], "name at least two revisions to combine"),
        (["main", "other", "main~0"], "main and main~0 are the same run; name each run once"),
        (
            ["main", "short"],
            f"DVC's cache lacks {VALIDATION_PREDICTIONS} of short; run `dvc repro` there, or "
            "combine with --equal",
        ),
        (["main", "other", "--csv", "."], r"\. is a folder; name a file in it"),
    ],
)
def test_a_refusal_is_one_line_and_a_status(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(combine.main, *arguments)
    output, errors = capsys.readouterr()
    assert output == ""
    assert re.fullmatch(f"error: {message}\n", errors)
