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
    revision,
    write_history,
    write_run,
    write_scores,
)

from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    HISTORIES,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINING,
    read_json,
    write_json,
)
from pipeline.evaluation.predictions import Predictions
from pipeline.runs.git import find_commit
from pipeline.runs.revisions import (
    Revision,
    differing,
    is_comparable,
    read_histories,
    read_revision,
    require_comparable,
    value_of,
    whole_histories,
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


def genres(tracks: Predictions) -> list[str]:
    """The predicted genres."""
    return [tracks.genres[genre] for genre in tracks.predicted]


@pytest.mark.usefixtures("_in_repository")
def test_a_revision_is_what_it_recorded(repository: Repository) -> None:
    for name in ("main", "v1"):
        main = read_revision(name)
        assert (main.name, main.model, main.feature) == (name, "cnn", "mel")
        assert main.commit == repository.run("git", "rev-parse", "main")
        assert main.split == FIGURES
        assert main.summary == {"track_accuracy": 0.6667, "track_macro_f1": 0.654}
        assert genres(main.tracks) == MAIN
        assert main.outcomes.correct.mean() == 8 / 12
    for name in ("trial", find_commit("trial")[:9], "workspace"):
        assert genres(read_revision(name).tracks) == BETTER


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


@pytest.mark.usefixtures("folder")
def test_the_workspace_needs_no_repository_and_a_commit_does() -> None:
    workspace = read_revision("workspace")
    assert (workspace.name, workspace.commit) == ("workspace", "")
    assert genres(workspace.tracks) == MAIN
    with pytest.raises(PipelineError, match=r"^git .*: not a git repository") as caught:
        read_revision("main")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", [PREDICTIONS, SCORES, SPLIT, SUMMARY, TRAINING], ids=str)
def test_every_file_must_be_there_and_of_the_run_that_was_evaluated(
    folder: Path, path: Path
) -> None:
    (folder / path).write_bytes((folder / path).read_bytes() + b"\n")
    if path != SCORES:
        expected = f"^{path} of workspace is not of the run that wrote {SCORES}; run `dvc repro` "
        with pytest.raises(PipelineError, match=expected):
            read_revision("workspace")
    (folder / path).unlink()
    with pytest.raises(PipelineError, match=f"^workspace has no {path}; run `dvc repro` there"):
        read_revision("workspace")


COLUMNS = b"track_id,fold,group,actual,predicted,p_rock\n"


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (PREDICTIONS, b"p_rock", "no column 'track_id'"),
        (PREDICTIONS, COLUMNS, "no rows, or one without its genre"),
        (PREDICTIONS, COLUMNS + b"t1,0,g,,rock,1", "no rows, or one without its genre"),
        (SPLIT, b"{", ".*line 1 column 2"),
        (SPLIT, b"[]", "not a JSON object"),
        (SPLIT, b'{"protocol": "song"}', "no key 'dataset_digest'"),
        (TRAINING, b'{"parameters": 1, "seconds": 1}', "parameters = 1 is of another type"),
        (TRAINING, b'{"parameters": {"model": "ann"}, "seconds": 1}', "no parameter 'feature'"),
    ],
    ids=str,
)
def test_a_file_of_another_version_is_refused_in_one_line(
    folder: Path, path: Path, content: bytes, message: str
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
        ({"split": {**FIGURES, "protocol": "artist"}}, "protocols differ, .*: song in main, art"),
        (
            {"split": {**FIGURES, "dataset_digest": "c" * 64}, "dataset.path": "/data/gtzan"},
            r"datasets.*: d{12} in main, /data/gtzan \(c{12}\) in other$",
        ),
        (
            {"split": {**FIGURES, "folds_digest": "e" * 64}},
            r"folds.*: 2 by seed 42 \(f{12}\) in main, 2 by seed 42 \(e{12}\) in other$",
        ),
        ({"rows": predictions(BETTER)[1:]}, "main and other were tested on different tracks"),
        ({"rows": predictions(BETTER, fold=1)}, "main and other were tested on different"),
        ({"rows": predictions(BETTER, ["A"] * 12)}, "main and other were tested on different"),
        (
            {"rows": [{**row, "p_jazz": 0} for row in predictions(BETTER)]},
            "genres differ, .*: blues, metal, rock in main, blues, metal, rock, jazz in other$",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    changed: dict[str, Any], message: str
) -> None:
    """Wherever the one that differs stands."""
    main = revision("main", predictions(MAIN))
    other = revision("other", **{"rows": predictions(BETTER), **changed})
    for revisions in ([main, other], [main, main, other]):
        with pytest.raises(PipelineError, match=f"^{message}") as caught:
            require_comparable(revisions)
        assert "\n" not in str(caught.value)
    require_comparable([other, other])
    assert not is_comparable(main, other)
    assert is_comparable(other, other)


EPOCHS = [[(0.9, 1.0), (0.2, 0.75), (0.3, 0.5)], [(0.9, 1.0)]]


def recorded() -> Revision:
    return revision("workspace", predictions(MAIN), commit="")


@pytest.mark.usefixtures("folder")
def test_histories_are_by_fold_and_epoch() -> None:
    write_history(Path(), *EPOCHS)
    histories = read_histories(recorded())
    assert whole_histories([recorded()]) == {"workspace": histories}
    assert {
        fold: [(epoch["val_loss"], epoch["val_accuracy"]) for epoch in epochs]
        for fold, epochs in histories.items()
    } == dict(enumerate(EPOCHS))


HEADER = "fold,epoch,loss,accuracy,val_loss,val_accuracy\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, f"workspace has no {HISTORIES}; run `dvc repro` there"),
        (f"{HEADER}0,1,1,1,1,1\n", f"{HISTORIES} of workspace covers 1 of its 2 folds; run"),
        ("fold\n", f"{HISTORIES} of workspace: no rows; run"),
    ],
)
def test_a_history_that_is_missing_incomplete_or_damaged_is_refused(
    folder: Path, content: str | None, message: str
) -> None:
    if content:
        (folder / HISTORIES).write_text(content)
        write_scores(folder)
    with pytest.raises(PipelineError, match=f"^{message}"):
        read_histories(recorded())
    assert whole_histories([recorded()]) == {}


def test_a_history_of_another_run_is_refused_where_its_digest_is_known(folder: Path) -> None:
    write_history(folder, *EPOCHS)
    (folder / HISTORIES).write_text((folder / HISTORIES).read_text().replace("0.75", "0.95"))
    expected = f"^{HISTORIES} of workspace is not of the run that wrote {SCORES}; run `dvc repro`"
    with pytest.raises(PipelineError, match=expected):
        read_histories(recorded())
    scores = read_json(folder / SCORES)
    del scores["sha256"][HISTORIES.as_posix()]  # as in runs of older versions
    write_json(folder / SCORES, scores)
    assert read_histories(recorded())[0][1]["val_accuracy"] == 0.95


CNN: dict[str, Any] = {"model": "cnn", "seed": 1, "models.cnn.epochs": 5, "augment.mode": "none"}
ANN: dict[str, Any] = {"model": "ann", "seed": 1, "models.ann.epochs": 9, "augment.mode": "none"}


OFFLINE = {**CNN, "augment.mode": "offline", "augment.copies": 1, "augment.noise.snr_db": 3}


@pytest.mark.parametrize(
    ("runs", "keys"),
    [
        ([CNN, ANN], ["model"]),  # the parameters of another network go without saying
        ([CNN, ANN, {**CNN, "models.cnn.epochs": 6}], ["model", "models.cnn.epochs"]),
        ([CNN, OFFLINE], ["augment.mode", "augment.copies"]),
        ([CNN, {**CNN, "models.cnn.kernel": 3}], ["models.cnn.kernel"]),
        ([CNN, CNN, dict(CNN)], []),
        ([{"x.rate": 1}, {"x.rate": 1.0}], []),  # as YAML's 1 and 1.0 are
    ],
)
def test_parameters_differ_among_the_runs_that_are_asked_for_them(
    runs: list[dict[str, Any]], keys: list[str]
) -> None:
    assert differing(runs) == differing(runs[::-1]) == keys


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (0.02, "0.02"), ([64, 128], "[64,128]"), ("song", "song"), (True, "true")],
)
def test_values_are_as_the_command_line_takes_them(value: Any, text: str) -> None:
    assert value_of({"key": value}, "key") == text
    assert value_of({}, "key") == "-"
