"""Each kind of augmentation is trained, tested and compared with none, on the same folds."""

import re
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from documents import write_params
from helpers import (
    SMALL,
    make_small_samples,
    run_main,
    saves_models,
    small_document,
    small_experiment,
    train_quickly,
    write_project,
)
from project import contents

from pipeline import ablate
from pipeline.augmentation.kind import chain_of
from pipeline.augmentation.samples import write_samples
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, FEATURE_STORES, REPLICAS, read_csv, write_csv
from pipeline.base.params import read_section
from pipeline.dataset.tracks import REPLICA_COLUMNS, read_tracks
from pipeline.evaluation.predictions import outcomes, predictions_of, vote_by_track
from pipeline.folds.assignment import assign_folds
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import SplitParams
from pipeline.pages.terminal import ablation_text
from pipeline.prediction.ensemble import load_model, predict_out_of_fold
from pipeline.store.store import write_store
from pipeline.training.cross_validation import make_tasks, train_folds
from pipeline.training.trained import MODEL, Record, read_record
from pipeline.trials import ablation
from pipeline.trials.ablation import Trial, Trials, ablation_rows

pytestmark = saves_models

TABLE = Path("kinds.csv")
CHANGES = {"models.ann.learning_rate": 0.003}
EXPERIMENT = small_experiment(CHANGES)
SPLIT = read_section(SplitParams, "split", small_document(CHANGES))


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small project as the working directory, without augmentation, replicas or folds.

    There is one cache for all tests here, which train without augmentation only once.
    """
    write_project(tmp_path, CHANGES)
    write_csv(tmp_path / REPLICAS, REPLICA_COLUMNS, [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path_factory.getbasetemp() / "ablate"))
    train_quickly(monkeypatch)
    write_samples(AUGMENTED, [])


def run(*names: str) -> None:
    run_main(ablate.main, *names, "--csv", TABLE)


def sample_folders() -> list[Path]:
    return list(Path("data").glob("ablation-*"))


def by_hand(*kinds: str) -> tuple[float, float]:
    """Accuracy of the tracks' votes, and of the best epochs on the inner validation."""
    chains = tuple(chain_of(name, EXPERIMENT.augment.ranges) for name in kinds)
    mode = "offline" if kinds else "none"
    experiment = replace(EXPERIMENT, augment=replace(EXPERIMENT.augment, mode=mode, kinds=chains))
    if kinds:  # one copy makes an epoch twice as long
        network = replace(EXPERIMENT.network, epochs=1, patience=8)
        experiment = replace(experiment, network=network)
        make_small_samples(experiment, Path("again"))
    tracks = assign_folds(read_tracks(), [], SPLIT, experiment.seed).tracks
    clips = load_labelled(FEATURE_STORES / "centroid", tracks)
    folds = train_folds(make_tasks(experiment, tracks, clips, Path("again")))
    predicted = predict_out_of_fold(clips, [load_model(trained / MODEL) for trained in folds])
    histories = [read_record(trained).history for trained in folds]
    best = [min(history, key=lambda row: row["val_loss"]) for history in histories]
    right = vote_by_track(predicted, "majority").correct
    return float(np.mean(right)), float(np.mean([row["val_accuracy"] for row in best]))


@pytest.mark.usefixtures("project")
def test_table_has_a_row_for_each_kind_and_is_the_same_the_second_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "estimate_sample_seconds", lambda *_: 5000.0)
    before = contents(AUGMENTED)
    run("mirror", "noise")
    table = TABLE.read_bytes()
    rows = {row["kinds"]: row for row in read_csv(TABLE)}
    order = list(rows)
    assert order[0] == "none"
    assert set(order[1:]) == {"mirror", "noise"}
    validated = [float(row["validation_clip_accuracy"]) for row in rows.values()]
    assert validated[1] >= validated[2]
    assert {rows["none"][name] for name in ("difference", "low", "high", "p_holm")} == {""}
    capsys.readouterr()
    accuracy = {name: by_hand(*[] if name == "none" else [name]) for name in order}
    assert capsys.readouterr().out.count("taken from the cache") == 6  # as it is the same by hand
    for name, row in rows.items():
        right, validation = accuracy[name]
        assert float(row["track_accuracy"]) == pytest.approx(right, abs=1e-4)
        assert float(row["validation_clip_accuracy"]) == pytest.approx(validation, abs=1e-4)
        assert (float(row["megabytes"]) > 0) == (name != "none")
        assert (5000 <= float(row["seconds"]) < 6000) == (name != "none")
        if name != "none":
            gain = right - accuracy["none"][0]
            assert float(row["difference"]) == pytest.approx(gain, abs=1e-4)
            assert float(row["low"]) <= gain <= float(row["high"])
    run("mirror", "noise")
    assert capsys.readouterr().out.count("taken from the cache") == 6
    assert TABLE.read_bytes() == table
    assert contents(AUGMENTED) == before
    assert not sample_folders()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("error", [PipelineError("no space left"), KeyboardInterrupt()], ids=repr)
def test_a_stop_prints_what_is_done_and_leaves_an_older_table(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    TABLE.write_text("an older table")

    def run_trial(common: Trials, name: str, _: object) -> Trial:
        assert [common.folder.parent] == sample_folders()
        if name == "noise":
            raise error
        return trial(name, 0.5, [name != "none"] * 4)

    monkeypatch.setattr(Trials, "run", run_trial)
    with pytest.raises(type(error)):
        run("mirror", "blur", "noise", "stretch")
    printed = capsys.readouterr().out.splitlines()[-4:]
    assert [line.split()[0] for line in printed] == ["kinds", "none", "mirror", "blur"]
    assert all("+100.0" in line and "0.250" in line for line in printed[2:])
    assert TABLE.read_text() == "an older table"
    assert not sample_folders()


@pytest.mark.usefixtures("project")
def test_after_the_first_trial_it_says_how_long_the_others_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten folds of 6 s each, for three trials, two at a time."""
    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    records = [Record([], {}, seconds) for seconds in [5.0, 7.0] * 5]
    found = replace(trial("none", 0.5, [1, 0, 1, 0]), records=records)
    monkeypatch.setattr(Trials, "run", lambda *_: found)
    run("mirror", "blur", "noise")
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[2]) == ("-- none", "-- mirror")
    assert lines[1].startswith("3 more to compare: about 90 s of training, 2 at a time, besides ")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("names", [[], ["all"], ["blur"]])
def test_feature_that_no_kind_can_change_is_an_error(names: list[str]) -> None:
    rows = {track.track_id: np.zeros((2, 5), np.int32) for track in read_tracks()}
    write_store(FEATURE_STORES / "own", {"name": "own"}, rows)
    write_params(Path(), {**SMALL, "feature": "own"})
    expected = r"^no kind can change the feature: '\w+' changes floats .* rows of .* are int32$"
    with pytest.raises(PipelineError, match=expected):
        run(*names)


@pytest.mark.usefixtures("project")
def test_mode_in_params_yaml_is_the_one_that_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_params(Path(), {**SMALL, **CHANGES, "augment.mode": "inline"})
    made = []
    monkeypatch.setattr(ablation, "make_samples", lambda *asked: made.append(asked))
    run("blur")
    assert made == []
    assert [float(row["megabytes"]) for row in read_csv(TABLE)] == [0, 0]


@pytest.mark.usefixtures("project")
def test_unknown_kind_and_a_protocol_that_leaks_are_errors() -> None:
    """A misspelt kind is said before what is missing."""
    with pytest.raises(PipelineError, match=r"^'zoom': changes pictures only, .* no frequencies$"):
        run("blur", "zoom")
    write_params(Path(), {**SMALL, "split.protocol": "clip"})
    expected = r"^split\.protocol = 'clip': predicts no tracks; choose another$"
    with pytest.raises(PipelineError, match=expected):
        run("blur")
    rmtree(FEATURE_STORES / "centroid")
    with pytest.raises(PipelineError, match=r"centroid is missing; run `dvc repro`$"):
        run("blur")
    for name, reason in (("blur+shear", "'shear' is no kind"), ("shear", "no such kind")):
        message = rf"^'{re.escape(name)}': {reason}; choose from .*, mirror, .*, all; \+ joins sev"
        with pytest.raises(PipelineError, match=message):
            run("blur", name)
    assert not TABLE.exists()


def trial(name: str, validation: float, right: list[int]) -> Trial:
    """A trial of which the inner validation and the right tracks are known."""
    ids, zeros = np.array([f"t{n}" for n in range(len(right))]), np.zeros(len(right), int)
    votes = np.eye(2)[[1 - each for each in right]]
    judged = outcomes(predictions_of(["a", "b"], ids, votes, folds=zeros, actual=zeros))
    return Trial(name, validation, judged, 1.4, 0.26, [Record([], {}, 1.0)])


def test_order_is_that_of_the_inner_validation_and_not_of_the_test() -> None:
    rows = ablation_rows(
        [trial("none", 0.9, [1, 0, 0, 0]), trial("x", 0.5, [1] * 4), trial("y", 0.7, [0] * 4)]
    )
    found = [(row["kinds"], row["track_accuracy"], row["difference"]) for row in rows]
    assert found == [("none", 0.25, ""), ("y", 0, -0.25), ("x", 1, 0.75)]
    text = ablation_text(rows).splitlines()
    assert len(text) == 4
    assert text[1].split()[1:4] == ["90.0", "25.0", "-"]
    assert "+75.0" in text[3]
