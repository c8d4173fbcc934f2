"""What a run records of itself, and what it says at its end."""

from hashlib import sha256
from pathlib import Path

import pytest
from helpers import OFFLINE, saves_models, small_document, small_experiment

from pipeline import evaluate, train
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    HISTORIES,
    METRICS,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINING,
    read_csv,
    read_json,
    write_json,
)
from pipeline.base.params import lookup
from pipeline.evaluation.summary import HEADLINE
from pipeline.folds.table import folds_digest
from pipeline.runs.revisions import read_revision

pytestmark = saves_models

CHANGES = {"models.ann.epochs": 6}


@pytest.fixture
def inside(evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that was evaluated as the working directory."""
    monkeypatch.chdir(evaluated)
    return evaluated


@pytest.mark.usefixtures("inside")
def test_training_says_what_was_trained_and_how() -> None:
    training = read_json(TRAINING)
    document = small_document(CHANGES)
    experiment = small_experiment(CHANGES)
    assert training["parameters"] == {
        "model": "ann",
        "feature": "centroid",
        "seed": experiment.seed,
        "segment": {"sample_rate": 4000, "seconds": 1},
        "extract": {"centroid": lookup("extract.centroid", document)},
        "augment": {"mode": "none"},
        "train": lookup("train", document),
        "models": {"ann": lookup("models.ann", document)},
    }
    assert training["folds_digest"] == folds_digest()
    assert (training["precision"], training["threads"]) == ("float32", 1)
    assert {"backend", "backend_version", "processor"} <= training.keys()
    assert training["seconds"] > 0


@pytest.mark.parametrize(
    ("mode", "amount"), [("offline", {"copies": 2}), ("inline", {"probability": 0.5})]
)
def test_augmentation_is_recorded_as_far_as_it_is_in_use(
    mode: str, amount: dict[str, float]
) -> None:
    changes = {**OFFLINE, "augment.mode": mode}
    kinds = lookup("augment", small_document(changes))
    assert small_experiment(changes).augment.in_use() == {
        "mode": mode,
        **amount,
        "kinds": OFFLINE["augment.kinds"],
        **{name: kinds[name] for name in ("stretch", "time_mask", "blur", "noise")},
    }


@pytest.mark.usefixtures("inside")
def test_a_run_can_be_compared() -> None:
    found = read_revision("workspace")
    assert (found.model, found.feature) == ("ann", "centroid")
    assert found.parameters["models.ann.epochs"] == 6
    assert found.parameters["evaluate.vote"] == "majority"
    assert found.summary == read_json(SUMMARY)
    assert found.seconds == read_json(TRAINING)["seconds"]


@pytest.mark.usefixtures("inside")
def test_the_scores_have_the_digests_of_the_files_of_their_run() -> None:
    paths = [SPLIT, TRAINING, HISTORIES, SUMMARY, PREDICTIONS]
    expected = {path.as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}
    assert read_json(SCORES)["sha256"] == expected


@pytest.mark.usefixtures("inside")
def test_summary_is_short_and_the_other_scores_are_beside_it() -> None:
    summary, scores = read_json(SUMMARY), read_json(SCORES)
    assert tuple(sorted(summary)) == tuple(sorted(HEADLINE))
    assert len(HEADLINE) <= 10
    assert not summary.keys() & scores.keys()
    assert scores["vote"] == "majority"
    for vote in ("majority", "mean", "product"):
        assert 0 <= scores[f"track_accuracy_{vote}"] <= 1
    assert {"clip_macro_f1", "clip_accuracy_low", "clip_calibration_error"} <= scores.keys()


def test_evaluation_says_in_five_lines_what_came_out(inside: Path) -> None:
    printed = (inside / "evaluate.txt").read_text().splitlines()
    assert len(printed) == 5
    accuracy = f"accuracy of tracks: {100 * read_json(SUMMARY)['track_accuracy']:.1f} % (95 % int"
    assert printed[0].startswith(accuracy)
    assert printed[1] == "of 12 tracks, split by song (2 folds); ann on centroid"
    assert all(len(line) <= 100 for line in printed)


@pytest.mark.usefixtures("inside")
def test_folds_of_another_split_are_refused() -> None:
    kept = SPLIT.read_bytes()
    write_json(SPLIT, {**read_json(SPLIT), "folds_digest": "another"})
    try:
        with pytest.raises(
            PipelineError, match=r"training\.json is of other folds than .*split\.json"
        ):
            evaluate.main()
    finally:
        SPLIT.write_bytes(kept)


@pytest.mark.usefixtures("inside")
def test_figures_of_the_run_before_do_not_stand_while_a_new_one_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DVC shows what lies there as the figures of the experiment that runs."""
    there = []

    def stop(*_: object) -> None:
        there.append(SUMMARY.exists())
        raise PipelineError("enough")

    monkeypatch.setattr(train, "train_folds", stop)
    kept = {path: path.read_bytes() for path in (SUMMARY, HISTORIES)}
    try:
        with pytest.raises(PipelineError, match="enough"):
            train.main()
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert there == [False]


@pytest.mark.usefixtures("inside")
def test_curves_are_the_means_of_the_folds() -> None:
    rows = read_csv(HISTORIES)
    epochs = [[float(row["val_loss"]) for row in rows if row["epoch"] == n] for n in "123456"]
    curves = [float(row["validation_loss"]) for row in read_csv(METRICS / "curves.csv")]
    assert curves == pytest.approx([sum(losses) / 2 for losses in epochs], abs=1e-4)
