"""Training: parts without a track in common, and fits that learn, stop and repeat."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import (
    FRAMES,
    describe,
    labelled_clips,
    labelled_tracks,
    saves_models,
    small_params,
    write_project,
)

from models import fit
from models.batches import Batches
from models.fit import HISTORY, FoldTask, fit_fold
from models.saved import TRAINED, load_model, probabilities
from pipeline import train
from pipeline.errors import PipelineError
from pipeline.folds import FoldError, inner_validation
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.store import FEATURE_STORES
from pipeline.tables import read_csv
from pipeline.tracks import FoldedTrack

pytestmark = saves_models

Array = npt.NDArray[Any]

PARAMS = small_params()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project")
    write_project(path)
    return path


@pytest.fixture
def clips(folder: Path) -> LabelledClips:
    return labelled_clips(folder)


def toy_task(path: Path, training: dict[str, Any] | None = None, **changes: Any) -> FoldTask:
    """Rows of two genres that lie far apart: 40 to train on, 20 for validation."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    rows = (500 + 400 * labels[:, np.newaxis] + rng.normal(0, 50, (60, FRAMES))).astype(np.float16)
    description = describe(training=training or {"seed": 7, "precision": "float32"})
    params = replace(PARAMS.fit, **changes)
    return FoldTask(rows, labels, np.arange(40), np.arange(40, 60), params, description, path)


def of_rows(clips: LabelledClips, rows: Array) -> set[str]:
    return set(clips.track_ids[rows].tolist())


def test_parts_share_no_track_and_leave_none_out(clips: LabelledClips, tmp_path: Path) -> None:
    tasks = train.make_tasks(PARAMS, labelled_tracks(), clips, tmp_path)
    assert [task.description.fold for task in tasks] == [0, 1]
    for task in tasks:
        test = {t.track_id for t in labelled_tracks() if t.fold == task.description.fold}
        fitted, kept = of_rows(clips, task.train), of_rows(clips, task.validation)
        assert not fitted & kept
        assert not (fitted | kept) & test
        assert fitted | kept | test == set(clips.track_ids.tolist())
        assert len(task.train) + len(task.validation) + 2 * len(test) == len(clips.labels)


def test_validation_is_cut_by_track_from_the_training_folds(
    clips: LabelledClips, tmp_path: Path
) -> None:
    for task in train.make_tasks(PARAMS, labelled_tracks(), clips, tmp_path):
        fold = task.description.fold
        outside = [track for track in labelled_tracks() if track.fold != fold]
        expected = inner_validation(
            [track.track_id for track in outside],
            [track.genre for track in outside],
            0.25,
            PARAMS.seed + fold,
        )
        assert of_rows(clips, task.validation) == expected
        assert len(task.validation) == 2 * len(expected)  # every clip of each
        assert {track.split("/")[0] for track in expected} == {"high", "low"}


def test_task_says_what_its_model_must_know(clips: LabelledClips, tmp_path: Path) -> None:
    task = train.make_tasks(PARAMS, labelled_tracks(), clips, tmp_path)[1]
    assert task.path == tmp_path / "fold-1.keras"
    told = task.description
    assert (told.model, told.feature, told.fold) == ("ann", "centroid", 1)
    assert told.genres == ["high", "low"]
    assert told.training == {"seed": PARAMS.seed + 1, "precision": "float32"}
    assert told.store["sample_rate"] == 4000
    assert told.store["params"] == {"n_fft": 256, "hop_length": 400}


def test_planted_leak_stops_before_any_training(
    clips: LabelledClips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaky(*_: object) -> set[str]:
        return {"high/1", "low/0"}  # low/0 is tested in fold 0

    monkeypatch.setattr(train, "inner_validation", leaky)
    with pytest.raises(FoldError, match=r"^leak: in validation and in test: low/0$"):
        train.make_tasks(PARAMS, labelled_tracks(), clips, tmp_path)


def test_track_in_two_folds_is_a_leak(folder: Path, tmp_path: Path) -> None:
    tracks = [*labelled_tracks(), FoldedTrack("high/0", "high", 1)]
    twice = load_labelled(folder / FEATURE_STORES / "centroid", tracks)
    with pytest.raises(FoldError, match=r"^leak: .* in test: high/0$"):
        train.make_tasks(PARAMS, tracks, twice, tmp_path)


def test_track_without_features_is_named(folder: Path) -> None:
    tracks = [*labelled_tracks(), FoldedTrack("low/new", "low", 1), FoldedTrack("x", "low", 1)]
    with pytest.raises(PipelineError, match=r"centroid has no rows of low/new \(2 missing\)"):
        load_labelled(folder / FEATURE_STORES / "centroid", tracks)


def test_toy_problem_is_learned_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = toy_task(tmp_path / "fold-0.keras", epochs=5)
    history = fit_fold(task)
    assert len(history) == 5
    assert all(tuple(row) == HISTORY for row in history)
    assert history[-1]["val_accuracy"] > 0.9
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    model, description = load_model(task.path)
    assert description == task.description
    chances = probabilities(model, task.rows[task.validation])
    assert (chances.argmax(axis=1) == task.labels[task.validation]).mean() > 0.9
    assert "fold 0: epoch 5/5, accuracy" in capsys.readouterr().out


def test_normalisation_comes_from_the_training_part(tmp_path: Path) -> None:
    task = toy_task(tmp_path / "fold-0.keras", epochs=1)
    task.rows[task.validation] += 10_000
    fit_fold(task)
    normalise = load_model(task.path)[0].get_layer("normalise")
    fitted = task.rows[task.train].astype(np.float64)
    np.testing.assert_allclose(np.ravel(normalise.mean), fitted.mean(), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(normalise.variance), fitted.var(), rtol=1e-6)


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    def trained(name: str, seed: int) -> list[Array]:
        training = {"seed": seed, "precision": "float32"}
        task = toy_task(tmp_path / name, training, epochs=1, dropout=0.2)
        fit_fold(task)
        weights: list[Array] = load_model(task.path)[0].get_weights()
        return weights

    first, again, other = trained("a.keras", 1), trained("b.keras", 1), trained("c.keras", 2)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_training_rows_alone_are_shuffled_by_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: dict[int, int | None] = {}

    class Recorded(Batches):
        def __init__(
            self, rows: Array, labels: Array, index: Array, size: int, seed: int | None = None
        ) -> None:
            super().__init__(rows, labels, index, size, seed)
            seeds[len(index)] = seed

    monkeypatch.setattr(fit, "Batches", Recorded)
    fit_fold(toy_task(tmp_path / "x.keras", epochs=1))
    assert seeds == {40: 7, 20: None}


def test_half_precision_is_for_training_alone(tmp_path: Path) -> None:
    task = toy_task(tmp_path / "x.keras", {"seed": 7, "precision": "bfloat16"}, epochs=3)
    fit_fold(task)
    model, description = load_model(task.path)
    assert description.training["precision"] == "bfloat16"
    assert {layer.compute_dtype for layer in model.layers[-1].layers} == {"float32"}
    chances = probabilities(model, task.rows[task.validation])
    assert (chances.argmax(axis=1) == task.labels[task.validation]).mean() > 0.9


def test_early_stopping_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    task = toy_task(tmp_path / "x.keras", epochs=40, patience=2, optimizer="sgd", momentum=0.5)
    task.labels[task.validation] = 1 - task.labels[task.validation]  # the more is learned ...
    history = fit_fold(task)
    losses = [row["val_loss"] for row in history]
    assert len(history) == int(np.argmin(losses)) + 1 + 2 < 40
    chances = probabilities(load_model(task.path)[0], task.rows[task.validation])
    chosen = chances[np.arange(20), task.labels[task.validation]]
    assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-3)


def test_loss_that_is_no_number_names_the_learning_rate(tmp_path: Path) -> None:
    task = toy_task(tmp_path / "x.keras", optimizer="sgd", learning_rate=1e30)
    expected = r"^fold 0: the loss was no number in epoch 1; lower models\.ann\.learning_rate = 1e"
    with pytest.raises(PipelineError, match=expected):
        fit_fold(task)
    assert not task.path.exists()


def fake_fit(tasks: Sequence[FoldTask]) -> list[list[dict[str, float]]]:
    for task in tasks:
        task.path.write_text("a model", encoding="utf-8")
    return [[dict.fromkeys(HISTORY, 0.5), dict.fromkeys(HISTORY, 0.25)] for _ in tasks]


def test_main_writes_a_model_and_a_history_for_each_fold_and_nothing_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    TRAINED.mkdir(parents=True)
    (TRAINED / "fold-7.keras").touch()
    monkeypatch.setattr(train, "map_folds", lambda _, tasks: fake_fit(tasks))
    train.main()
    names = ["fold-0.csv", "fold-0.keras", "fold-1.csv", "fold-1.keras"]
    assert sorted(path.name for path in TRAINED.iterdir()) == names
    rows = read_csv(TRAINED / "fold-1.csv", ["epoch", *HISTORY])
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["val_loss"] for row in rows] == ["0.5", "0.25"]


def test_main_outside_a_project_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=r"params\.yaml is missing"):
        train.main()
