"""The command on a real repository: its text, its JSON, its page, its refusals."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import write_tracks
from repository import BETTER, FIGURES, MAIN, Repository, command, predictions

from pipeline import compare
from pipeline.base.files import CLIPS
from pipeline.dataset.tracks import read_tracks
from pipeline.folds.table import dataset_digest
from pipeline.runs.comparison import as_json, compare_revisions
from pipeline.runs.revisions import read_revision
from pipeline.store.store import write_store


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """main, a branch `trial`, and a workspace that has changed since."""
    found = Repository(tmp_path_factory.mktemp("repository"))
    found.write(*predictions(MAIN))
    found.commit("main")
    found.write(*predictions(BETTER))
    found.commit("trial", "trial")
    found.write(*predictions(BETTER), model="ann", feature="grey")
    return found


@pytest.fixture(autouse=True)
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


def test_one_revision_is_compared_with_the_workspace(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    command(compare.main, "main", "--json")
    found = json.loads(capsys.readouterr().out)
    main, workspace = found["sides"]
    assert found["reference"] == main["name"] == "main"
    assert main["commit"] == repository.run("git", "rev-parse", "main")[:7]
    assert (workspace["name"], workspace["commit"]) == ("workspace", "")
    assert (workspace["model"], workspace["feature"]) == ("ann", "grey")
    [difference] = found["differences"]
    assert difference["revision"] == "workspace"
    lost = {"track_id": "blues/02", "actual": "blues", "before": "blues", "after": "metal"}
    assert difference["lost"] == [lost]
    expected = as_json(compare_revisions([read_revision("main"), read_revision("workspace")]))
    assert found == json.loads(json.dumps(expected)) == expected


def test_text_is_printed_and_the_page_is_written_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "page.html"
    command(compare.main, "main", "trial", "workspace", "--html", target)
    shown = capsys.readouterr().out
    assert shown.startswith("12 tracks, split by song\n")
    content = target.read_text(encoding="utf-8")
    for name in ("trial minus main", "workspace minus main"):
        assert name in shown
        assert name in content
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope", "--json"], "'nope' is not a branch, commit, tag or experiment"),
        (["--html", "."], ". is a folder; name a file in it"),
    ],
)
def test_a_refusal_is_one_line_and_a_status(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(compare.main, "main", *arguments)
    assert capsys.readouterr() == ("", f"error: {message}\n")


@pytest.mark.parametrize("same", [True, False], ids=["the same dataset", "another dataset"])
def test_tracks_that_changed_sides_are_heard_where_their_clips_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = [str(row["track_id"]) for row in predictions(MAIN)]
    pcm = {name: rng.integers(-9000, 9000, (1, 8000), np.int16) for name in names}
    write_store(CLIPS, {"name": "pcm", "sample_rate": 8000, "seconds": 1}, pcm)
    write_tracks(Path(), [(name, name.split("/")[0], "ok") for name in names])
    digest = {"dataset_digest": dataset_digest(read_tracks())} if same else {}
    found = Repository(tmp_path)
    found.write(*predictions(MAIN), figures={**FIGURES, **digest})
    found.commit("main")
    found.write(*predictions(BETTER), figures={**FIGURES, **digest})
    command(compare.main, "main", "--html", "page.html")
    content = (tmp_path / "page.html").read_text(encoding="utf-8")
    buttons = re.findall(r'<button data-sound="data:audio/ogg;base64,(.*?)">Play', content)
    assert len(buttons) == (5 if same else 0)  # four turned right, one turned wrong
    assert len(set(buttons)) == len(buttons)
    assert ("<script>" in content) == same
