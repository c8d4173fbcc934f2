"""All runs of a real repository: their order, their differences, what is left out."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from repository import (
    ACTUAL,
    BETTER,
    FIGURES,
    MAIN,
    WRONG,
    Repository,
    Row,
    command,
    except_for,
    predictions,
)

from pipeline import experiments
from pipeline.pages.terminal import WIDTH
from pipeline.runs.comparison import compare_revisions
from pipeline.runs.ranking import rank_runs
from pipeline.runs.revisions import read_revision

WORST = except_for(dict(enumerate(WRONG[:10])))
ARTIST = {**FIGURES, "protocol": "artist", "folds_digest": "e" * 64, "folds": 3}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """main, branches, experiments of which one is main's run again, and a workspace like main."""
    found = Repository(tmp_path_factory.mktemp("repository"))
    (found.folder / "README").write_text("nothing ran yet")
    found.commit("nothing")
    found.run("git", "branch", "before")

    def save(name: str, rows: list[Row], **recorded: Any) -> None:
        found.write(*rows, **recorded)
        found.run("git", "add", "-A")
        tree = found.run("git", "write-tree")
        commit = found.run("git", "commit-tree", tree, "-p", "HEAD", "-m", name)
        found.name(name, commit, head)

    main: dict[str, Any] = {"summary": {"track_accuracy": 0.6667}}
    found.write(*predictions(MAIN), **main)
    head = found.commit("main")
    save("again", predictions(MAIN), **main)
    save("worst", predictions(WORST), model="ann", **{"models.ann.epochs": 3})
    save("better", predictions(BETTER), **{"models.cnn.filters": [4, 8]})
    save("artist", predictions(MAIN), figures=ARTIST)
    save("leaky", predictions(MAIN), figures={**FIGURES, "protocol": "clip"})
    found.write(*predictions(MAIN), **main)
    return found


@pytest.fixture(autouse=True)
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


def test_a_run_is_listed_once_under_all_of_its_names_and_paired_with_the_best() -> None:
    ranking = rank_runs()
    by_song, by_artist = ranking.groups
    names = [side.name for side in by_song.comparison.sides]
    assert names == ["better", "workspace, main, again", "worst"]
    assert [side.name for side in by_artist.comparison.sides] == ["artist"]
    assert [side.accuracy for side in by_song.comparison.sides] == pytest.approx(
        [11 / 12, 8 / 12, 2 / 12]
    )
    assert by_song.comparison.sides[1].commit == read_revision("main").commit[:7]
    revisions = [read_revision(name) for name in ("better", "main", "worst")]
    assert by_song.comparison.differences == compare_revisions(revisions).differences
    assert by_artist.comparison.differences == []
    assert ranking.left_out.keys() == {"before", "leaky"}
    assert ranking.left_out["before"].startswith("before has no metrics/split.json")
    assert "it leaks" in ranking.left_out["leaky"]


def test_text_has_a_line_for_each_run_and_the_parameters_that_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(experiments.main)
    shown = capsys.readouterr().out
    rows = [re.split(r"  +", line.strip()) for line in shown.splitlines()]
    assert rows[0] == ["12 tracks, split by song (2 folds)"]
    assert rows[2][:3] == ["1", "better", "91.7"]
    assert rows[2][4:] == ["-", "-", "-", "60"]
    assert rows[3][1:3] == ["workspace, main, again", "66.7"]
    assert (rows[3][4], rows[4][4]) == ("-25.0", "-75.0")
    assert ["12 tracks, split by artist (3 folds)"] in rows
    # Of the filters only `better` says anything: the others had no such parameter.
    assert ["#", "model", "split.protocol"] in rows
    assert ["3", "ann", "song"] in rows
    assert ["4", "cnn", "artist"] in rows
    assert "do not say which is better" in shown
    assert any(row[0].startswith("leaky: ") for row in rows)
    assert all(len(line) <= WIDTH for line in shown.splitlines())


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    command(experiments.main, "--json")
    found = json.loads(capsys.readouterr().out)
    best, main, _ = found["groups"][0]["runs"]
    assert (best["names"], main["names"]) == (["better"], ["workspace", "main", "again"])
    assert "minus_best" not in best
    assert main["minus_best"]["difference"] == pytest.approx(-3 / 12)
    assert main["parameters"]["model"] == "cnn"


def test_many_parameters_with_long_values_fit_the_width(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {f"models.cnn.parameter_{number}": "x" * 40 * number for number in range(8)}
    repository.write(*predictions(ACTUAL), **asked)
    repository.commit("long", f"a-branch-with-{'-'.join(['long'] * 20)}")
    repository.write(*predictions(MAIN), **dict.fromkeys(asked, "y\x1b[2J"))
    command(experiments.main)
    shown = capsys.readouterr().out
    assert all(key in shown for key in asked)
    assert "\x1b" not in shown
    assert all(len(line) <= WIDTH for line in shown.splitlines())


@pytest.mark.parametrize("known", [False, True])
def test_a_repository_without_runs_is_refused(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if known:
        Repository(tmp_path).commit("nothing")
    with pytest.raises(SystemExit, match="2"):
        command(experiments.main)
    error = capsys.readouterr().err
    nothing = "error: there is no run to list; workspace has no metrics/split.json"
    assert error.startswith(nothing if known else "error: git for-each-ref: fatal: not a git repo")
    assert error.count("\n") == 1
