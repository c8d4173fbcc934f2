"""Each kind's worth: trained, judged and compared with no augmentation, on the same folds."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import (
    FRAMES,
    SMALL,
    contents,
    saves_models,
    small_experiment,
    write_params,
    write_project,
)

from pipeline.tasks.fitting import HISTORY
from pipeline.tasks.saved import load_model, probabilities
from pipeline import ablate
from pipeline.training import tasks
from pipeline.comparison import trials
from pipeline.augmentation.registry import AUGMENTATIONS
from pipeline.augmentation.chains import chain_of
from pipeline.folds.assignment import assign_folds
from pipeline.base.errors import PipelineError
from pipeline.tasks.fold import CURVES, MODEL
from pipeline.folds.labelled import load_labelled
from pipeline.augmentation.offline import make_samples
from pipeline.augmentation.target import Target
from pipeline.comparison.paired import Difference, Judgement
from pipeline.base.paths import AUGMENTED
from pipeline.augmentation.samples import write_samples
from pipeline.evaluation.votes import VOTERS
from pipeline.base.paths import FEATURE_STORES
from pipeline.store.store import write_store
from pipeline.base.tables import read_csv, write_csv
from pipeline.recordings.pairs import REPLICA_COLUMNS
from pipeline.base.paths import REPLICAS
from pipeline.dataset.tracks import read_tracks
from pipeline.comparison.trials import Bench, Trial

pytestmark = saves_models

CHANGES = {"models.ann.learning_rate": 0.003}
PARAMS = small_experiment(CHANGES)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small project as the working directory, without augmentation, replicas or folds."""
    write_project(tmp_path, CHANGES)
    write_csv(tmp_path / REPLICAS, REPLICA_COLUMNS, [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tasks, "map_folds", lambda f, tasks: [f(task) for task in tasks])
    write_samples(AUGMENTED, [])


def run(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(sys, "argv", ["ablate", *names])
    ablate.main()


def scratch() -> list[Path]:
    """What is left of the folders that trials have their samples in."""
    return list(Path("data").glob("ablation*"))


def by_hand(*kinds: str) -> tuple[float, float]:
    """Accuracy of the tracks' votes, and of the last epochs on the inner validation."""
    chains = tuple(chain_of(name, PARAMS.augment.ranges) for name in kinds)
    mode = "offline" if kinds else "none"
    params = replace(PARAMS, augment=replace(PARAMS.augment, mode=mode, kinds=chains))
    if kinds:  # one copy makes an epoch twice as long
        params = replace(params, models={"ann": replace(PARAMS.network, epochs=1, patience=8)})
    tracks = assign_folds(read_tracks(), [], params.split, params.seed).tracks
    clips = load_labelled(FEATURE_STORES / "centroid", tracks)
    if kinds:
        make_samples(params, read_tracks(), Path("again"))
    folders = tasks.train_folds(tasks.make_tasks(params, tracks, clips, Path("again")))
    right = []
    for fold, folder in enumerate(folders):
        model = load_model(folder / MODEL)[0]
        for track in (track for track in tracks if fold in track.tested_in):
            rows = clips.rows_of([track])
            vote = VOTERS["majority"](probabilities(model, clips.rows[rows])).argmax()
            right.append(clips.genres[vote] == track.genre)
    curves = [read_csv(folder / CURVES) for folder in folders]
    best = [min(each, key=lambda row: float(row["val_loss"])) for each in curves]
    return float(np.mean(right)), float(np.mean([float(row["val_accuracy"]) for row in best]))


@pytest.mark.usefixtures("project")
def test_table_has_a_row_a_kind_and_its_gain_over_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(AUGMENTED)
    run(monkeypatch, "mirror", "noise")
    rows = {row["kinds"]: row for row in read_csv(ablate.TABLE)}
    order = list(rows)
    assert order[0] == "none"
    assert set(order[1:]) == {"mirror", "noise"}
    validated = [float(row["validation_clip_accuracy"]) for row in rows.values()]
    assert validated[1] >= validated[2]
    assert {rows["none"][name] for name in ("difference", "low", "high", "p_holm")} == {""}
    accuracy = {name: by_hand(*[] if name == "none" else [name]) for name in order}
    assert capsys.readouterr().out.count("taken from the cache") == 6  # by hand it is the same
    for name, row in rows.items():
        right, validation = accuracy[name]
        assert float(row["track_accuracy"]) == pytest.approx(right, abs=1e-4)
        assert float(row["validation_clip_accuracy"]) == pytest.approx(validation, abs=1e-4)
        assert (float(row["megabytes"]) > 0) == (name != "none")
        if name != "none":
            gain = right - accuracy["none"][0]
            assert float(row["difference"]) == pytest.approx(gain, abs=1e-4)
            assert float(row["low"]) <= gain <= float(row["high"])
    assert contents(AUGMENTED) == before
    assert not scratch()


@pytest.mark.usefixtures("project")
def test_all_is_tried_and_making_it_costs_the_same_a_second_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trials, "estimate_seconds", lambda *_: 5000.0)
    run(monkeypatch, "all")
    first = ablate.TABLE.read_bytes()
    rows = {row["kinds"]: float(row["seconds"]) for row in read_csv(ablate.TABLE)}
    assert rows["none"] < 5000 <= rows["all"] < 6000
    capsys.readouterr()
    run(monkeypatch, "all")
    assert capsys.readouterr().out.count("taken from the cache") == 4
    assert ablate.TABLE.read_bytes() == first


@pytest.mark.usefixtures("project")
def test_failure_late_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []

    def tried(bench: Bench, name: str, _kinds: object) -> Trial:
        folders.append(bench.folder.parent)
        assert bench.folder.parent.is_dir()
        if name == "noise":
            raise PipelineError("no space left")
        return trial(name, 0.5, [name != "none"] * 4)

    monkeypatch.setattr(Bench, "run", tried)
    with pytest.raises(PipelineError, match="no space left"):
        run(monkeypatch, "mirror", "blur", "noise", "stretch")
    rows = {row["kinds"]: row for row in read_csv(ablate.TABLE)}
    assert list(rows) == ["none", "mirror", "blur"]
    for name in ("mirror", "blur"):
        assert rows[name]["difference"] == "1.0"
        assert (rows[name]["p_value"], rows[name]["p_holm"]) == ("0.125", "0.25")
    assert len(set(folders)) == 1
    assert not scratch()


@pytest.mark.usefixtures("project")
def test_two_runs_at_once_have_a_folder_each() -> None:
    with trials.open_bench(PARAMS) as one, trials.open_bench(PARAMS) as other:
        found = scratch()
        assert {one.folder.parent, other.folder.parent} == set(found)
        assert len(found) == 2
    assert not scratch()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("names", [[], ["all"], ["blur"]])
def test_feature_that_no_kind_changes_is_an_error(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {track.track_id: np.zeros((2, 5), np.int32) for track in read_tracks()}
    write_store(FEATURE_STORES / "own", {"name": "own"}, rows)
    write_params(Path(), {**SMALL, "feature": "own"})
    expected = (
        r"^'mirror' changes floats and integers of up to 16 bits, and rows of this feature are "
        r"int32; feature = 'own'$"
    )
    with pytest.raises(PipelineError, match=expected):
        run(monkeypatch, *names)


@pytest.mark.usefixtures("project")
def test_mode_of_params_yaml_is_the_one_that_is_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(Path(), {**SMALL, **CHANGES, "augment.mode": "inline"})
    made = []
    monkeypatch.setattr(trials, "make_samples", lambda *asked: made.append(asked))
    run(monkeypatch, "blur")
    assert made == []
    assert [row["megabytes"] for row in read_csv(ablate.TABLE)] == ["0", "0"]
    first = ablate.TABLE.read_bytes()
    capsys.readouterr()
    run(monkeypatch, "blur")
    assert capsys.readouterr().out.count("taken from the cache") == 4
    assert ablate.TABLE.read_bytes() == first


@pytest.mark.usefixtures("project")
def test_unknown_kind_and_a_protocol_that_leaks_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = r"^'zoom' changes pictures only, .* no frequencies; feature = 'centroid'$"
    with pytest.raises(PipelineError, match=expected):
        run(monkeypatch, "blur", "zoom")
    expected = (
        r"^'blur\+shear': no such kind: 'shear'; choose from mirror, .*, all; \+ joins several$"
    )
    with pytest.raises(PipelineError, match=expected):
        run(monkeypatch, "blur+shear")
    write_params(Path(), {**SMALL, "split.protocol": "clip"})
    expected = r"^split\.protocol = 'clip' judges no track; choose another$"
    with pytest.raises(PipelineError, match=expected):
        run(monkeypatch, "blur")
    assert not ablate.TABLE.exists()


def test_all_that_changes_the_feature_is_tried_alone_and_together() -> None:
    params = small_experiment({"augment.kinds": ["blur", "noise+blur", "blur+zoom"]})
    medium = Target(params.extract["centroid"], 4000, (FRAMES,), "float16")
    chains = params.augment.useful(medium)
    names = [chain.name for chain in chains]
    alone = [name for name, kind in AUGMENTATIONS.items() if kind.needs == "any feature"]
    assert names == [*alone, "noise+blur"]
    chosen = ablate.choose([], params, medium)
    assert list(chosen) == [*names, "all"]
    assert chosen["all"] == tuple(chains)
    assert ablate.choose(["all"], params, medium) == {"all": tuple(chains)}
    new = chain_of("noise+mirror", params.augment.ranges)
    assert ablate.choose(["noise", new.name], params, medium) == {
        "noise": (chains[alone.index("noise")],),
        new.name: (new,),
    }


@pytest.mark.parametrize(
    ("kinds", "copies"), [(["mirror"], 1), (["mirror", "blur"], 2), (["blur"], 3)], ids=str
)
def test_no_trial_makes_the_same_sample_twice(kinds: list[str], copies: int) -> None:
    augment = replace(PARAMS.augment, mode="offline", copies=3)
    chains = tuple(chain_of(name, augment.ranges) for name in kinds)
    found = trials._only(augment, chains)
    assert (found.mode, found.kinds, found.copies) == ("offline", chains, copies)
    assert trials._only(augment, ()).mode == "none"


def test_the_same_in_another_order_is_no_second_sample() -> None:
    augment = replace(PARAMS.augment, mode="offline", copies=3)
    chains = tuple(chain_of(name, augment.ranges) for name in ("mirror+flip", "flip+mirror"))
    assert trials._only(augment, chains).copies == 1


@pytest.mark.parametrize(
    ("mode", "kinds", "copies", "epochs", "patience"),
    [
        ("offline", [], 3, 10, 4),
        ("inline", ["blur"], 3, 10, 4),
        ("offline", ["blur"], 1, 5, 2),
        ("offline", ["blur"], 2, 3, 1),
        ("offline", ["blur"], 100, 1, 1),
        ("offline", ["mirror"], 3, 5, 2),
        ("offline", ["mirror", "blur"], 3, 3, 1),
    ],
    ids=str,
)
def test_longer_epochs_are_fewer_and_so_are_those_of_patience(
    mode: str, kinds: list[str], copies: int, epochs: int, patience: int
) -> None:
    changes = {"augment.mode": mode, "augment.copies": copies, "models.ann.patience": 4}
    params = small_experiment({**changes, "models.ann.epochs": 10, "augment.kinds": ["blur"]})
    chains = tuple(chain_of(name, params.augment.ranges) for name in kinds)
    found = trials.with_kinds(params, chains)
    assert found.fit == replace(params.network, epochs=epochs, patience=patience)
    assert found == replace(params, augment=found.augment, models=found.models)
    assert found.models["cnn"] == params.models["cnn"]


def trial(name: str, validation: float, right: list[int]) -> Trial:
    ids = np.array([f"t{n}" for n in range(len(right))])
    actual = np.full(len(right), "a")
    predicted = np.where(right, "a", "b")
    judged = Judgement(ids, ids, actual, predicted, np.array(right, float), ids, 1)
    return Trial(name, validation, judged, 1.4, 0.26)


def test_order_is_that_of_the_inner_validation_not_of_the_test() -> None:
    trials = [
        trial("none", 0.9, [1, 0, 0, 0]),
        trial("x", 0.5, [1, 1, 1, 1]),
        trial("y", 0.7, [0, 0, 0, 0]),
    ]
    gains = [Difference(0.75, 0.5, 1.0, 0.25, 0.5, [], [], []) for _ in range(2)]
    gains[1] = replace(gains[1], difference=-0.25)
    rows = ablate.table(trials, gains)
    assert [(row["kinds"], row["difference"]) for row in rows] == [
        ("none", ""),
        ("y", -0.25),
        ("x", 0.75),
    ]
    assert [row["track_accuracy"] for row in rows] == [0.25, 0, 1]
    text = ablate.shown(rows).splitlines()
    assert len(text) == 4
    assert text[1].split()[1:4] == ["90.0", "25.0", "-"]
    assert "+75.0" in text[3]


@pytest.mark.parametrize(("patience", "accuracy"), [(0, 0.5), (2, 0.75)])
def test_accuracy_is_that_of_the_weights_that_were_kept(
    tmp_path: Path, patience: int, accuracy: float
) -> None:
    losses = [(0.9, 1.0), (0.2, 0.75), (0.3, 0.5)]
    rows: list[dict[str, Any]] = [
        {**dict.fromkeys(HISTORY, 0.0), "val_loss": loss, "val_accuracy": right}
        for loss, right in losses
    ]
    write_csv(tmp_path / "history.csv", HISTORY, rows)
    assert trials.kept_accuracy(tmp_path / "history.csv", patience) == accuracy
