"""What is read of a revision: from a repository with an experiment of DVC, or from a folder."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import BETTER, FIGURES, MAIN, Repository, predictions, write_lock, write_run

from pipeline.base.errors import PipelineError
from pipeline.comparison.lock import LOCK
from pipeline.comparison.recorded import PREDICTIONS, SPLIT, SUMMARY
from pipeline.comparison.revisions import read_revision, require_comparable


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """main, with a tag; an experiment `trial` and a branch `asked`; a workspace that changed."""
    found = Repository(tmp_path_factory.mktemp("repository"), dvc=True)
    found.write(*predictions(MAIN), summary={"track_accuracy": 0.6667, "track_macro_f1": 0.654})
    found.commit("main")
    found.run("git", "tag", "v1")
    found.write(*predictions(BETTER), model="ann")
    found.run("dvc", "exp", "save", "-q", "-n", "trial")
    found.write(*predictions(MAIN))
    found.ask_for(model="ann", feature="grey")
    found.commit("another is asked for", "asked")
    found.write()
    found.commit("no predictions", "empty")
    found.run("git", "checkout", "-q", "main")
    found.write(*predictions(BETTER), model="ann", feature="grey")
    return found


@pytest.fixture
def _in_repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is not a repository, with what a run of main recorded."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path, predictions(MAIN))
    return tmp_path


@pytest.mark.usefixtures("_in_repository")
def test_a_revision_is_what_it_recorded(repository: Repository) -> None:
    main = read_revision("main")
    assert (main.name, main.model, main.feature) == ("main", "cnn", "mel")
    assert main.commit == repository.run("git", "rev-parse", "main")[:7]
    assert main.split == FIGURES
    assert main.summary == {"track_accuracy": 0.6667, "track_macro_f1": 0.654}
    assert main.outcomes.predicted.tolist() == MAIN


@pytest.mark.usefixtures("_in_repository")
def test_every_kind_of_name_is_a_revision(repository: Repository) -> None:
    """An experiment by its name and its commit; main by tag, hash and short hash."""
    trial = repository.run("git", "for-each-ref", "--format=%(objectname)", "refs/exps/*/*/trial")
    main = repository.run("git", "rev-parse", "main")
    for name in ("trial", trial[:9], "workspace"):
        assert read_revision(name).outcomes.predicted.tolist() == BETTER
    for name in ("v1", "HEAD", main, main[:8], "v1~0"):
        assert read_revision(name).outcomes.predicted.tolist() == MAIN
        assert read_revision(name).commit == main[:7]


@pytest.mark.usefixtures("_in_repository")
def test_model_and_feature_are_of_the_run_and_not_what_is_asked_for_since() -> None:
    asked = read_revision("asked")
    assert (asked.model, asked.feature) == ("cnn", "mel")


@pytest.mark.usefixtures("_in_repository")
def test_a_commit_that_lacks_a_file_is_refused() -> None:
    expected = "^empty has no metrics/predictions.csv; run `dvc repro` there and commit"
    with pytest.raises(PipelineError, match=expected):
        read_revision("empty")


@pytest.mark.usefixtures("folder")
def test_the_workspace_needs_no_repository_and_a_commit_does() -> None:
    workspace = read_revision("workspace")
    assert (workspace.name, workspace.commit) == ("workspace", "")
    assert workspace.outcomes.predicted.tolist() == MAIN
    with pytest.raises(PipelineError, match="not a git repository"):
        read_revision("main")


@pytest.mark.parametrize("path", [LOCK, PREDICTIONS, SPLIT, SUMMARY])
def test_every_file_must_be_there(folder: Path, path: str) -> None:
    (folder / path).unlink()
    with pytest.raises(PipelineError, match=f"^workspace has no {path}; run `dvc repro` there"):
        read_revision("workspace")


@pytest.mark.parametrize("path", [PREDICTIONS, SPLIT, SUMMARY])
def test_every_file_must_be_as_the_run_left_it(folder: Path, path: str) -> None:
    with (folder / path).open("a") as file:
        file.write("\n")
    with pytest.raises(PipelineError, match=f"^{path} of workspace is not what the last `dvc re"):
        read_revision("workspace")


def test_stages_of_different_runs_are_refused(folder: Path) -> None:
    lock = yaml.safe_load((folder / LOCK).read_text())
    [models] = lock["stages"]["train"]["outs"]
    models["md5"] = "trained since"
    (folder / LOCK).write_text(yaml.safe_dump(lock))
    with pytest.raises(PipelineError, match="evaluate read another data/models than train wrote"):
        read_revision("workspace")


def without(prefix: str) -> str:
    """The predictions of main without the columns whose names start so."""
    rows = predictions(MAIN)
    kept = [name for name in rows[0] if not name.startswith(prefix)]
    return "\n".join([",".join(kept), *(",".join(str(row[name]) for name in kept) for row in rows)])


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (PREDICTIONS, without("p_").encode(), "no column 'p_<genre>'"),
        (PREDICTIONS, without("group").encode(), "no column 'group'"),
        (PREDICTIONS, b"\xff", ".*can't decode"),
        (SPLIT, b"{", ".*line 1 column 2"),
        (SPLIT, b"[]", "not a JSON object"),
        (SPLIT, b'{"protocol": "song"}', "no key 'dataset_digest'"),
        (SUMMARY, b"3", "not a JSON object"),
    ],
)
def test_a_file_of_another_version_is_refused_in_one_line(
    folder: Path, path: str, content: bytes, message: str
) -> None:
    (folder / path).write_bytes(content)
    write_lock(folder)
    expected = f"^{path} of workspace: {message}.*; run `dvc repro` there$"
    with pytest.raises(PipelineError, match=expected) as caught:
        read_revision("workspace")
    assert "\n" not in str(caught.value)


def test_a_split_that_leaks_is_refused(folder: Path) -> None:
    write_run(folder, predictions(MAIN), {**FIGURES, "protocol": "clip"})
    with pytest.raises(
        PipelineError, match=r"^workspace was split by the protocol 'clip': it leaks"
    ):
        read_revision("workspace")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"figures": {**FIGURES, "protocol": "artist"}}, "protocols differ, .*: song in main, art"),
        (
            {"figures": {**FIGURES, "dataset_digest": "c" * 64}},
            "datasets differ, .*: dddddddddddd in main, cccccccccccc in workspace$",
        ),
        ({"figures": {**FIGURES, "folds_digest": "e" * 64}}, "folds differ, .*: ffff.* in main, e"),
        ({"rows": predictions(BETTER)[1:]}, "main and workspace were tested on different tracks"),
        ({"rows": predictions(BETTER, fold=1)}, "main and workspace were tested on different"),
        ({"rows": predictions(BETTER, ["A"] * 12)}, "main and workspace were tested on different"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    folder: Path, changed: dict[str, Any], message: str
) -> None:
    """Wherever the one that differs stands."""
    main = read_revision("workspace")
    object.__setattr__(main, "name", "main")
    write_run(folder, **{"rows": predictions(BETTER), **changed})
    other = read_revision("workspace")
    for revisions in ([main, other], [main, main, other]):
        with pytest.raises(PipelineError, match=f"^{message}") as caught:
            require_comparable(revisions)
        assert "\n" not in str(caught.value)
    require_comparable([other, other])
