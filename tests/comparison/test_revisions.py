"""What is read of a revision: from a repository with an experiment of DVC, or from a folder."""

from pathlib import Path
from typing import Any

import pytest
from repository import (
    BETTER,
    FIGURES,
    MAIN,
    TRAINED,
    Repository,
    predictions,
    write_run,
    write_scores,
)

from pipeline.base.errors import PipelineError
from pipeline.runs.git import find_commit
from pipeline.runs.revisions import (
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINING,
    read_revision,
    require_comparable,
)

STAGE = """
stages:
  train:
    cmd: echo nobody runs this
    params: [model, feature]
    outs:
      - metrics/training.json: {cache: false}
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """main, with a tag; experiments `trial` and `asked`; a workspace that changed."""
    found = Repository(tmp_path_factory.mktemp("repository"), dvc=True)
    (found.folder / "dvc.yaml").write_text(STAGE)
    found.ask_for(model="cnn", feature="mel")
    found.write(*predictions(MAIN), summary={"track_accuracy": 0.6667, "track_macro_f1": 0.654})
    found.run("dvc", "commit", "-q", "-f")
    found.commit("main")
    found.run("git", "tag", "v1")
    found.ask_for(model="cnn", feature="grey")
    found.run("dvc", "exp", "save", "-q", "-n", "asked")
    found.ask_for(model="ann", feature="mel")
    found.write(*predictions(BETTER), model="ann")
    found.run("dvc", "exp", "save", "-q", "-n", "trial")
    found.run("git", "checkout", "-q", ".")
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
def test_model_and_feature_are_of_the_run_and_not_what_is_asked_for_since(
    repository: Repository,
) -> None:
    """Saving an experiment after an edit of params.yaml rewrites dvc.lock, without a run."""
    lock = repository.run("git", "show", f"{find_commit('asked')}:dvc.lock")
    assert "feature: grey" in lock
    asked = read_revision("asked")
    assert (asked.model, asked.feature) == ("cnn", "mel")
    assert asked.parameters == {**TRAINED, "split.protocol": "song", "evaluate.vote": "majority"}


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


@pytest.mark.parametrize("path", [PREDICTIONS, SCORES, SPLIT, SUMMARY, TRAINING])
def test_every_file_must_be_there(folder: Path, path: str) -> None:
    (folder / path).unlink()
    with pytest.raises(PipelineError, match=f"^workspace has no {path}; run `dvc repro` there"):
        read_revision("workspace")


@pytest.mark.parametrize("path", [PREDICTIONS, SPLIT, SUMMARY, TRAINING])
def test_every_file_must_be_of_the_run_that_was_evaluated(folder: Path, path: str) -> None:
    with (folder / path).open("a") as file:
        file.write("\n")
    expected = f"^{path} of workspace is not of the run that wrote {SCORES}; run `dvc repro` there"
    with pytest.raises(PipelineError, match=expected):
        read_revision("workspace")


def test_what_no_digest_is_known_of_is_refused(folder: Path) -> None:
    (folder / SCORES).write_text('{"vote": "mean", "sha256": {}}')
    with pytest.raises(PipelineError, match=r"^metrics/split.json of workspace is not of the run"):
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
        (TRAINING, b'{"precision": "float32"}', "no key 'parameters'"),
        (TRAINING, b'{"parameters": 1, "seconds": 1}', "parameters = 1 is of another type"),
        (TRAINING, b'{"parameters": {"model": "ann"}, "seconds": 1}', "no parameter 'feature'"),
    ],
)
def test_a_file_of_another_version_is_refused_in_one_line(
    folder: Path, path: str, content: bytes, message: str
) -> None:
    (folder / path).write_bytes(content)
    write_scores(folder)
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
