"""The headline along a real branch: its commits, its figures, its bars."""

import json
from pathlib import Path

import pytest
from repository import FIGURES, Repository, command

from pipeline import history
from pipeline.base.files import SPLIT, TRAINING
from pipeline.pages.terminal import BAR
from pipeline.runs.ranking import Entry

MUSIC = {"dataset": {"path": "music"}}
LONG = "a subject that is much longer than there is room for in a line"


def figures(accuracy: float, low: float, high: float) -> dict[str, float]:
    values = {"": accuracy, "_low": low, "_high": high}
    return {f"track_accuracy{bound}": value for bound, value in values.items()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Six commits, of which one changes no summary, and a branch that was merged."""
    found = Repository(tmp_path_factory.mktemp("repository"))
    found.write(figures=None, summary={"track_accuracy": 0.5})
    (found.folder / TRAINING).unlink()
    found.commit("first")
    found.write(summary=figures(0.6, 0.5, 0.7), model="ann", feature="grey", **MUSIC)
    found.ask_for(model="cnn", feature="mel")
    found.commit(LONG)
    found.commit("changes nothing")
    found.write(summary=figures(0.1, 0.0, 0.2))
    found.commit("on a branch", "side")
    found.write(summary=figures(0.65, 0.55, 0.75), **MUSIC)
    found.commit("on a branch, again")
    found.run("git", "checkout", "-q", "main")
    found.run("git", "merge", "-q", "--no-ff", "-m", "merged", "side")
    found.run("git", "rm", "-q", "metrics/summary.json")
    found.commit("no figures")
    found.write(figures={**FIGURES, "protocol": "clip"}, summary={"leaky_clip_accuracy": 0.9})
    found.commit("leaky")
    found.write(summary={"track_accuracy": 0.55})
    (found.folder / TRAINING).write_text("<<<<<<< HEAD")
    (found.folder / SPLIT).write_text("{")
    found.commit("broken")
    return found


@pytest.fixture(autouse=True)
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


def test_history_is_of_the_branch_and_of_commits_that_changed_the_figures(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    command(history.main, "--json")
    entries = [Entry(**row) for row in json.loads(capsys.readouterr().out)]
    assert [entry.subject for entry in entries] == ["broken", "leaky", "merged", LONG, "first"]
    broken, leaky, merged, long, first = entries
    commit = repository.run("git", "rev-parse", "--short", "side~2^")
    trained = ("ann", "grey", "song", "music")
    assert long == Entry(commit, "2024-05-06", LONG, *trained, "track_accuracy", 0.6, 0.5, 0.7)
    assert leaky.dataset == "music"  # as its digest is that of one whose path is known
    assert (merged.accuracy, merged.low) == (0.65, 0.55)
    assert (first.accuracy, first.low, first.high) == (0.5, None, None)
    for entry in (first, broken):
        assert (entry.model, entry.feature, entry.protocol) == (None, None, None)
    assert broken.accuracy == 0.55
    assert (leaky.metric, leaky.accuracy, leaky.low) == ("leaky_clip_accuracy", 0.9, None)


def test_table_marks_what_is_missing_and_what_leaks(capsys: pytest.CaptureFixture[str]) -> None:
    command(history.main)
    unknown, known = capsys.readouterr().out.split("\n\n")
    title, header, broken, first = unknown.splitlines()
    assert title == "an unknown collection"
    assert header.split()[-5:-1] == ["50.0", "%", "55.0", "%"]
    title, header, leaky, merged, long, note = known.splitlines()
    assert title == "music"
    assert header.split()[-5:-1] == ["50.0", "%", "90.0", "%"]
    assert leaky.split()[4:9] == ["clip", "leaky", "90.0", "-", "x"]
    assert note.startswith("leaky, x: ")
    assert "65.0  55.0 to 75.0" in merged
    assert long.split()[2:5] == ["ann", "grey", "song"]
    assert long.endswith(f"{LONG[:37]}...")
    assert first.split()[2:] == ["-", "-", "-", "50.0", "-", "o", "first"]
    assert broken.split()[2:6] == ["-", "-", "-", "55.0"]
    start = header.index("50.0")
    drawn = [line[start : start + BAR] for line in (leaky, merged, long)]
    assert [text.find(mark) for text, mark in zip(drawn, "xoo", strict=True)] == [32, 12, 8]


def test_a_branch_without_figures_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Repository(tmp_path).commit("nothing")
    with pytest.raises(SystemExit, match="2"):
        command(history.main)
    assert capsys.readouterr().err.startswith("error: no commit of this branch has metrics/summary")
