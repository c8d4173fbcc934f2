"""Revisions are chosen by the inner validation that they recorded."""

from pathlib import Path

import pytest
from repository import FIGURES, MAIN, Row, predictions, revision, write_scores

from pipeline.base.errors import PipelineError
from pipeline.base.files import HISTORIES, SCORES, read_json, write_csv, write_json
from pipeline.runs.combination import choose, validation_accuracy
from pipeline.runs.revisions import Revision, whole_histories

EPOCHS = [(0.9, 1.0), (0.2, 0.75), (0.3, 0.5)]  # loss and accuracy


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_history(*folds: float) -> None:
    """A table in which each fold is by so much better than `EPOCHS`."""
    rows = [
        {
            "fold": fold,
            "epoch": epoch,
            "accuracy": 1.0,
            "val_loss": loss,
            "val_accuracy": accuracy + better,
        }
        for fold, better in enumerate(folds)
        for epoch, (loss, accuracy) in enumerate(EPOCHS, 1)
    ]
    write_csv(HISTORIES, list(rows[0]), rows)
    write_scores(Path())


def recorded(name: str = "workspace", parameters: Row | None = None) -> Revision:
    return revision(name, predictions(MAIN), commit="", **(parameters or {}))


@pytest.mark.parametrize(("patience", "accuracy"), [(0, 0.5), (2, 0.75)])
def test_accuracy_is_the_mean_over_folds_of_the_weights_that_were_kept(
    patience: int, accuracy: float
) -> None:
    write_history(0, 0.1)
    found = validation_accuracy(recorded(parameters={"models.cnn.patience": patience}))
    assert found == pytest.approx(accuracy + 0.05)


@pytest.mark.parametrize(
    ("within", "chosen"), [(0, ["a", "d"]), (4.9, ["a", "d"]), (5.1, ["a", "c", "d"]), (99, "abcd")]
)
def test_those_near_the_best_are_chosen_in_their_order(
    within: float, chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = {"a": 0.75, "b": 0.5, "c": 0.7, "d": 0.75}
    monkeypatch.setattr(
        "pipeline.runs.combination.validation_accuracy", lambda each: accuracies[each.name]
    )
    choice = choose([recorded(name) for name in accuracies], within)
    assert choice.chosen == list(chosen)
    assert choice.accuracies == accuracies


def test_the_test_tracks_play_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.runs.combination.validation_accuracy",
        lambda each: {"right": 0.1, "wrong": 0.6, "so-so": 0.6}[each.name],
    )
    revisions = [
        revision("right", predictions([row["actual"] for row in predictions(MAIN)])),
        revision("wrong", predictions(["blues"] * 12)),
        revision("so-so", predictions(MAIN)),
    ]
    assert choose(revisions, 10).chosen == ["wrong", "so-so"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"segment.seconds": 1}, ".*: segment.seconds is 3 in main, 1 in other$"),
        ({"train.validation": 0.2}, ".*: train.validation is 0.1 in main, 0.2 in other$"),
    ],
)
def test_other_inner_validations_are_refused(parameters: Row, message: str) -> None:
    same: Row = {"segment.seconds": 3, "train.validation": 0.1}
    revisions = [recorded("main", same), recorded("other", {**same, **parameters})]
    with pytest.raises(PipelineError, match=f"^--choose goes by the inner validation{message}"):
        choose(revisions, 10)


def test_what_leaves_nothing_to_combine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies = {"a": 0.75, "b": 0.5}
    monkeypatch.setattr(
        "pipeline.runs.combination.validation_accuracy", lambda each: accuracies[each.name]
    )
    revisions = [recorded(name) for name in accuracies]
    expected = r"^only a is within 10 points of the best inner validation \(75.0 %\)"
    with pytest.raises(PipelineError, match=expected):
        choose(revisions, 10)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(PipelineError, match=f"^--choose {wrong:g}: should be at least 0"):
            choose(revisions, wrong)


def test_a_history_that_is_missing_or_incomplete_is_refused() -> None:
    with pytest.raises(PipelineError, match=rf"^workspace has no {HISTORIES}; run `dvc repro`"):
        validation_accuracy(recorded())
    write_history(0)
    expected = f"^{HISTORIES} of workspace covers 1 of its {FIGURES['folds']} folds; run"
    with pytest.raises(PipelineError, match=expected):
        validation_accuracy(recorded())
    HISTORIES.write_text("fold,epoch,accuracy,val_loss\n0,1,1,2\n")
    write_scores(Path())
    with pytest.raises(PipelineError, match=r"history.csv of workspace: no column 'val_accuracy'"):
        validation_accuracy(recorded())


@pytest.mark.parametrize("cut", ["0,1,1", "0,1,1,0.5,half"])
def test_a_history_of_something_else_than_numbers_is_refused(cut: str) -> None:
    HISTORIES.parent.mkdir()
    HISTORIES.write_text(f"fold,epoch,accuracy,val_loss,val_accuracy\n{cut}\n")
    write_scores(Path())
    with pytest.raises(PipelineError, match=r"^metrics/history.csv of workspace has a value that"):
        validation_accuracy(recorded())
    assert whole_histories([recorded()]) == {}


def test_a_history_of_another_run_is_refused_where_its_digest_is_known() -> None:
    write_history(0, 0.1)
    HISTORIES.write_text(HISTORIES.read_text().replace("0.75", "0.95"))
    expected = f"^{HISTORIES} of workspace is not of the run that wrote {SCORES}; run `dvc repro`"
    with pytest.raises(PipelineError, match=expected):
        validation_accuracy(recorded())
    assert whole_histories([recorded()]) == {}
    scores = read_json(SCORES)
    del scores["sha256"][HISTORIES.as_posix()]  # as in runs of older versions
    write_json(SCORES, scores)
    assert validation_accuracy(recorded()) == pytest.approx(0.55)


def test_only_whole_histories_are_drawn() -> None:
    assert whole_histories([recorded()]) == {}
    write_history(0, 0.1)
    (found,) = whole_histories([recorded("workspace")]).values()
    assert [[epoch["val_accuracy"] for epoch in fold] for fold in found.values()] == [
        pytest.approx([1.0, 0.75, 0.5]),
        pytest.approx([1.1, 0.85, 0.6]),
    ]
