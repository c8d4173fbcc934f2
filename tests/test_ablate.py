"""Each kind of augmentation is trained, tested and compared with none, on the same folds."""

from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from documents import write_params
from helpers import (
    FRAMES,
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
from pipeline.augmentation.kind import augmentations, chain_of
from pipeline.augmentation.samples import write_samples
from pipeline.augmentation.target import Target
from pipeline.base.errors import PipelineError
from pipeline.base.files import AUGMENTED, FEATURE_STORES, REPLICAS, read_csv, write_csv
from pipeline.base.params import read_section
from pipeline.dataset.tracks import REPLICA_COLUMNS, read_tracks
from pipeline.evaluation.predictions import VOTERS
from pipeline.features.shared.feature import read_feature
from pipeline.folds.assignment import assign_folds
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import SplitParams
from pipeline.prediction.ensemble import probabilities
from pipeline.prediction.saved import load_model
from pipeline.runs.combination import kept_accuracy
from pipeline.runs.revisions import TrackOutcomes
from pipeline.store.store import write_store
from pipeline.training.cross_validation import make_tasks, train_folds
from pipeline.training.fit import HISTORY
from pipeline.training.trained import MODEL, Record, read_record
from pipeline.trials import trial as trials
from pipeline.trials.trial import Trial, Trials

pytestmark = saves_models

TABLE = Path("kinds.csv")
CHANGES = {"models.ann.learning_rate": 0.003}
EXPERIMENT = small_experiment(CHANGES)
SPLIT = read_section(SplitParams, "split", small_document(CHANGES))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests here, which train without augmentation only once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small project as the working directory, without augmentation, replicas or folds."""
    write_project(tmp_path, CHANGES)
    write_csv(tmp_path / REPLICAS, REPLICA_COLUMNS, [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_CACHE", str(cache))
    train_quickly(monkeypatch)
    write_samples(AUGMENTED, [])


def run(*names: str) -> None:
    run_main(ablate.main, *names, "--csv", TABLE)


def sample_folders() -> list[Path]:
    """Folders in which trials have their samples."""
    return [path for path in Path("data").iterdir() if "ablation" in path.name]


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
    right = []
    for fold, trained in enumerate(folds):
        model = load_model(trained / MODEL)[0]
        for track in (track for track in tracks if fold in track.tested_in):
            rows = clips.rows_of([track])
            vote = VOTERS["majority"](probabilities(model, clips.rows[rows])).argmax()
            right.append(clips.genres[vote] == track.genre)
    histories = [read_record(trained).history for trained in folds]
    best = [min(history, key=lambda row: row["val_loss"]) for history in histories]
    return float(np.mean(right)), float(np.mean([row["val_accuracy"] for row in best]))


@pytest.mark.usefixtures("project")
def test_table_has_a_row_for_each_kind_and_is_the_same_the_second_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trials, "estimate_sample_seconds", lambda *_: 5000.0)
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
    folders = []

    def run_trial(common: Trials, name: str, _: object) -> Trial:
        folders.append(common.folder.parent)
        assert common.folder.parent.is_dir()
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
    assert len(set(folders)) == 1
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
def test_two_runs_at_once_have_a_folder_each() -> None:
    asked = (EXPERIMENT, SPLIT, "majority")
    with trials.open_trials(*asked) as one, trials.open_trials(*asked) as other:
        found = [path for path in sample_folders() if path.is_dir()]
        assert {one.folder.parent, other.folder.parent} == set(found)
        assert len(found) == 2
    assert not sample_folders()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("names", [[], ["all"], ["blur"]])
def test_feature_that_no_kind_can_change_is_an_error(names: list[str]) -> None:
    rows = {track.track_id: np.zeros((2, 5), np.int32) for track in read_tracks()}
    write_store(FEATURE_STORES / "own", {"name": "own"}, rows)
    write_params(Path(), {**SMALL, "feature": "own"})
    expected = (
        rf"^no kind can change the feature: '{next(iter(augmentations()))}' changes floats and "
        "integers of up to 16 bits, and rows of this feature are int32$"
    )
    with pytest.raises(PipelineError, match=expected):
        run(*names)


@pytest.mark.usefixtures("project")
def test_mode_in_params_yaml_is_the_one_that_is_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(Path(), {**SMALL, **CHANGES, "augment.mode": "inline"})
    made = []
    monkeypatch.setattr(trials, "make_samples", lambda *asked: made.append(asked))
    run("blur")
    assert made == []
    assert [float(row["megabytes"]) for row in read_csv(TABLE)] == [0, 0]
    first = TABLE.read_bytes()
    capsys.readouterr()
    run("blur")
    assert capsys.readouterr().out.count("taken from the cache") == 4
    assert TABLE.read_bytes() == first


@pytest.mark.usefixtures("project")
def test_unknown_kind_and_a_protocol_that_leaks_are_errors() -> None:
    expected = r"^'zoom': changes pictures only, .* no frequencies$"
    with pytest.raises(PipelineError, match=expected):
        run("blur", "zoom")
    expected = (
        r"^'blur\+shear': 'shear' is no kind; choose from .*, mirror, .*, all; \+ joins several$"
    )
    with pytest.raises(PipelineError, match=expected):
        run("blur+shear")
    with pytest.raises(PipelineError, match=r"^'shear': no such kind; choose from "):
        run("blur", "shear")
    write_params(Path(), {**SMALL, "split.protocol": "clip"})
    expected = r"^split\.protocol = 'clip': predicts no tracks; choose another$"
    with pytest.raises(PipelineError, match=expected):
        run("blur")
    assert not TABLE.exists()


@pytest.mark.usefixtures("project")
def test_a_misspelt_kind_is_said_before_what_is_missing() -> None:
    rmtree(FEATURE_STORES / "centroid")
    with pytest.raises(PipelineError, match=r"^'shear': no such kind; choose from "):
        run("blur", "shear")
    with pytest.raises(PipelineError, match=r"centroid is missing; run `dvc repro`$"):
        run("blur")


def test_all_that_can_change_the_feature_is_tried_alone_and_together() -> None:
    augment = small_experiment({"augment.kinds": ["blur", "noise+blur", "blur+zoom"]}).augment
    feature = read_feature("centroid", small_document())
    target = Target(feature, 4000, (FRAMES,), "float16")
    chains = augment.applicable_chains(target)
    names = [chain.name for chain in chains]
    alone = [name for name, kind in augmentations().items() if kind.needs == "any feature"]
    assert names == [*alone, "noise+blur"]
    chosen = ablate.choose([], augment, target)
    assert list(chosen) == [*names, "all"]
    assert chosen["all"] == tuple(chains)
    assert ablate.choose(["all"], augment, target) == {"all": tuple(chains)}
    new = chain_of("noise+mirror", augment.ranges)
    assert ablate.choose(["noise", new.name], augment, target) == {
        "noise": (chains[alone.index("noise")],),
        new.name: (new,),
    }


@pytest.mark.parametrize(
    ("kinds", "copies"), [(["mirror"], 1), (["mirror", "blur"], 2), (["blur"], 3)], ids=str
)
def test_no_trial_makes_the_same_sample_twice(kinds: list[str], copies: int) -> None:
    augment = replace(EXPERIMENT.augment, mode="offline", copies=3)
    chains = tuple(chain_of(name, augment.ranges) for name in kinds)
    found = trials._only(augment, chains)
    assert (found.mode, found.kinds, found.copies) == ("offline", chains, copies)
    assert trials._only(augment, ()).mode == "none"


def test_chain_in_another_order_makes_no_second_sample() -> None:
    augment = replace(EXPERIMENT.augment, mode="offline", copies=3)
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
def test_where_epochs_are_longer_there_are_fewer(
    mode: str, kinds: list[str], copies: int, epochs: int, patience: int
) -> None:
    changes = {"augment.mode": mode, "augment.copies": copies, "models.ann.patience": 4}
    experiment = small_experiment({**changes, "models.ann.epochs": 10, "augment.kinds": ["blur"]})
    chains = tuple(chain_of(name, experiment.augment.ranges) for name in kinds)
    found = trials.with_kinds(experiment, chains)
    network = replace(experiment.network, epochs=epochs, patience=patience)
    assert found == replace(experiment, augment=found.augment, network=network)


def trial(name: str, validation: float, right: list[int]) -> Trial:
    ids = np.array([f"t{n}" for n in range(len(right))])
    actual = np.full(len(right), "a")
    predicted = np.where(right, "a", "b")
    judged = TrackOutcomes(ids, ids, actual, predicted, np.array(right, float), ids, 1)
    return Trial(name, validation, judged, 1.4, 0.26, [Record([], {}, 1.0)])


def test_order_is_that_of_the_inner_validation_and_not_of_the_test() -> None:
    trials = [
        trial("none", 0.9, [1, 0, 0, 0]),
        trial("x", 0.5, [1, 1, 1, 1]),
        trial("y", 0.7, [0, 0, 0, 0]),
    ]
    rows = ablate.table(trials)
    assert [(row["kinds"], row["difference"]) for row in rows] == [
        ("none", ""),
        ("y", -0.25),
        ("x", 0.75),
    ]
    assert [row["track_accuracy"] for row in rows] == [0.25, 0, 1]
    text = ablate.format_table(rows).splitlines()
    assert len(text) == 4
    assert text[1].split()[1:4] == ["90.0", "25.0", "-"]
    assert "+75.0" in text[3]


@pytest.mark.parametrize(("patience", "accuracy"), [(0, 0.5), (2, 0.75)])
def test_accuracy_is_that_of_the_weights_that_were_kept(patience: int, accuracy: float) -> None:
    history = [
        {**dict.fromkeys(HISTORY, 0.0), "val_loss": loss, "val_accuracy": right}
        for loss, right in [(0.9, 1.0), (0.2, 0.75), (0.3, 0.5)]
    ]
    assert kept_accuracy(history, patience) == accuracy
