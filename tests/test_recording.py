"""What a run records of itself, and what it says at its end."""

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from documents import write_params
from helpers import OFFLINE, SMALL, saves_models, small_document, small_experiment, write_project
from repository import FIGURES

from pipeline import evaluate, train
from pipeline.base.errors import PipelineError
from pipeline.base.paths import SCORES, SPLIT, SUMMARY, TRAINING
from pipeline.base.sections import lookup
from pipeline.base.tables import read_json, write_json
from pipeline.comparison.revisions import read_revision
from pipeline.evaluation.summary import HEADLINE
from pipeline.folds.figures import folds_digest

pytestmark = saves_models

CHANGES = {"models.ann.epochs": 6}


def in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Train the folds one after another, without other processes."""
    patch.setattr(
        "pipeline.training.cross_validation.map_folds",
        lambda train_one, tasks: [train_one(task) for task in tasks],
    )


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What `evaluate` printed of `run`, line by line."""
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, printed: list[str]) -> Path:
    """The small project after a run, with other parameters asked for since."""
    folder = tmp_path_factory.mktemp("run")
    write_project(folder, CHANGES)
    output = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["stage"])
        in_this_process(patch)
        figures = {**FIGURES, "judged": "all", "tracks": 12, "folds_digest": folds_digest()}
        write_json(SPLIT, figures)
        train.main()
        with redirect_stdout(output):
            evaluate.main()
    printed += output.getvalue().splitlines()
    write_params(folder, {**SMALL, "feature": "grey", "model": "cnn", "seed": 1})
    return folder


@pytest.fixture
def inside(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `run` as the working directory."""
    monkeypatch.chdir(run)
    return run


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
    ("changes", "expected"),
    [
        ({}, {"copies": 2}),
        ({"augment.mode": "inline"}, {"probability": 0.5}),
    ],
)
def test_augmentation_is_recorded_as_far_as_it_is_in_use(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    document = small_document({**OFFLINE, **changes})
    in_use = small_experiment({**OFFLINE, **changes}).augment.in_use()
    kinds = {name: lookup(f"augment.{name}", document) for name in ("stretch", "time_mask", "blur")}
    assert in_use == {
        "mode": changes.get("augment.mode", "offline"),
        **expected,
        "kinds": OFFLINE["augment.kinds"],
        **kinds,
        "noise": lookup("augment.noise", document),
    }


@pytest.mark.usefixtures("inside")
def test_a_run_can_be_compared_whatever_is_asked_for_since() -> None:
    found = read_revision("workspace")
    assert (found.model, found.feature) == ("ann", "centroid")
    assert found.parameters["models.ann.epochs"] == 6
    assert found.parameters["evaluate.vote"] == "majority"
    assert found.summary == read_json(SUMMARY)
    assert found.seconds == read_json(TRAINING)["seconds"]


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


def test_evaluation_says_in_five_lines_what_came_out(run: Path, printed: list[str]) -> None:
    summary = json.loads((run / SUMMARY).read_text())
    low, high = (100 * summary[f"track_accuracy_{bound}"] for bound in ("low", "high"))
    accuracy = f"{100 * summary['track_accuracy']:.1f} %"
    assert len(printed) == 5
    assert printed[0] == (
        f"accuracy of tracks: {accuracy} (95 % interval: {low:.1f} to {high:.1f})"
    )
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
