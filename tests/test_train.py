"""Training: parts without a track in common, and fits that learn, stop and repeat."""

import gc
import json
import os
import re
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers import (
    FRAMES,
    SMALL,
    contents,
    describe,
    folded,
    labelled_clips,
    labelled_tracks,
    saves_models,
    small_experiment,
    write_params,
    write_project,
)

from pipeline.training import checkpoint, fitting, progress
from pipeline.tasks.batches import Batches, Change
from pipeline.tasks.fitting import HISTORY, Fitted, FoldTask, fit_fold
from pipeline.tasks.machine import machine_facts
from pipeline.tasks.progress import Progress
from pipeline.base.paths import TRAINED
from pipeline.tasks.saved import load_model, probabilities
from pipeline.training import fold, tasks
from pipeline import train
from pipeline.folds.errors import LeakError
from pipeline.store.build import replacing_folder
from pipeline.store.cache import Cache
from pipeline.base.errors import PipelineError
from pipeline.tasks.fold import MACHINE, MODEL
from pipeline.folds.validation import inner_validation
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.check import Params
from pipeline.base.paths import FEATURE_STORES
from pipeline.base.tables import read_csv
from pipeline.folds.table import FoldedTrack, sides

pytestmark = saves_models

Array = npt.NDArray[Any]

PARAMS = small_experiment()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project")
    write_project(path)
    return path


@pytest.fixture
def clips(folder: Path) -> LabelledClips:
    return labelled_clips(folder)


def toy_task(training: dict[str, Any] | None = None, **changes: Any) -> FoldTask:
    """Rows of two genres that lie far apart: 40 to train on, 20 for validation."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    rows = (500 + 400 * labels[:, np.newaxis] + rng.normal(0, 50, (60, FRAMES))).astype(np.float16)
    description = describe(training=training or {"seed": 7, "precision": "float32"})
    params = replace(PARAMS.network, **changes)
    return FoldTask(rows, labels, np.arange(40), np.arange(40, 60), params, description)


def fit_to(path: Path, task: FoldTask) -> list[dict[str, float]]:
    return fit_fold(task, path, path.with_suffix(".npz")).history


def tasks_of(clips: LabelledClips, tracks: Sequence[FoldedTrack] = ()) -> list[FoldTask]:
    return tasks.make_tasks(PARAMS, tracks or labelled_tracks(), clips)


def load_clips_of(folder: Path, tracks: Sequence[FoldedTrack]) -> LabelledClips:
    return load_labelled(folder / FEATURE_STORES / "centroid", tracks)


def of_rows(clips: LabelledClips, rows: Array) -> set[str]:
    return set(clips.track_ids[rows].tolist())


def test_parts_share_no_track_and_leave_none_out(clips: LabelledClips) -> None:
    tasks = tasks_of(clips)
    assert [task.description.fold for task in tasks] == [0, 1]
    for task in tasks:
        test = {t.track_id for t in sides(labelled_tracks(), task.description.fold)[1]}
        fitted, kept = of_rows(clips, task.train), of_rows(clips, task.validation)
        assert not fitted & kept
        assert not (fitted | kept) & test
        assert fitted | kept | test == set(clips.track_ids.tolist())
        assert len(task.train) + len(task.validation) + 2 * len(test) == len(clips.labels)


def test_validation_is_cut_by_track_from_the_training_folds(clips: LabelledClips) -> None:
    for task in tasks_of(clips):
        fold = task.description.fold
        outside, _ = sides(labelled_tracks(), fold)
        kept = inner_validation(outside, 0.25, PARAMS.seed + fold)
        expected = {track.track_id for track in kept}
        assert of_rows(clips, task.validation) == expected
        assert len(task.validation) == 2 * len(expected)  # every clip of each
        assert {track.split("/")[0] for track in expected} == {"high", "low"}


def test_task_says_what_its_model_must_know(clips: LabelledClips) -> None:
    told = tasks_of(clips)[1].description
    assert (told.model, told.feature, told.fold) == ("ann", "centroid", 1)
    assert told.genres == ["high", "low"]
    assert told.training == {"seed": PARAMS.seed + 1, "precision": "float32"}
    assert told.store["sample_rate"] == 4000
    assert told.store["params"] == {"n_fft": 256, "hop_length": 400}


def test_planted_leak_stops_before_any_training(
    clips: LabelledClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = {track.track_id: track for track in labelled_tracks()}

    def leaky(*_: object) -> set[FoldedTrack]:
        return {tracks["high/1"], tracks["low/0"]}  # low/0 is tested in fold 0

    monkeypatch.setattr(tasks, "inner_validation", leaky)
    expected = r"^leak: low/0 \(validation\) and low/0 \(test\) are the same track$"
    with pytest.raises(LeakError, match=expected):
        tasks_of(clips)


def test_track_in_two_folds_is_a_leak(folder: Path) -> None:
    tracks = [*labelled_tracks(), folded("high/0", "high", tested_in=(1,))]
    with pytest.raises(LeakError, match=r"^leak: high/0 .* and high/0 \(test\) are the same track"):
        tasks_of(load_clips_of(folder, tracks), tracks)


@pytest.mark.parametrize(
    ("known", "what"),
    [({"artist": "X"}, "by the same artist, X"), ({"replica": "high/0"}, "replicas")],
)
def test_what_belongs_together_in_two_folds_is_a_leak(
    folder: Path, known: dict[str, Any], what: str
) -> None:
    tracks = labelled_tracks()
    for number in (0, 7):  # one tested in each fold
        tracks[number] = replace(tracks[number], **known)
    expected = rf"^leak: low/1 \((training|validation)\) and high/0 \(test\) are {what}$"
    with pytest.raises(LeakError, match=expected):
        tasks_of(load_clips_of(folder, tracks), tracks)


def test_seeds_share_their_parts_and_differ_in_what_is_drawn(folder: Path) -> None:
    tracks = [
        replace(track, tested_in=(0, 1, 2) if track.track_id.endswith(("0", "1")) else ())
        for track in labelled_tracks()
    ]
    clips = load_clips_of(folder, tracks)
    made = tasks.make_tasks(PARAMS, tracks, clips)
    assert [task.description.fold for task in made] == [0, 1, 2]
    assert len({tasks.address_of(task, "code") for task in made}) == 3
    assert len({task.description.training["seed"] for task in made}) == 3
    seen = [of_rows(clips, np.r_[task.train, task.validation]) for task in made]
    assert seen == [{track.track_id for track in tracks if not track.tested_in}] * 3


def test_clips_of_a_track_train_and_validate_and_are_tested_apart(folder: Path) -> None:
    tracks = [
        replace(track, clip=clip, tested_in=(clip,))
        for track in labelled_tracks()
        for clip in (0, 1)
    ]
    clips = load_clips_of(folder, tracks)
    for task in tasks.make_tasks(PARAMS, tracks, clips):
        assert len(task.train) + len(task.validation) == 12
        rows = np.r_[task.train, task.validation]
        assert not clips.tested[task.description.fold][rows].any()
        assert {track.clip for track in clips.tracks_of(rows)} == {1 - task.description.fold}


def test_address_tells_one_clip_of_a_track_from_another(folder: Path) -> None:
    addresses = []
    for first, second in ((0, 1), (1, 0)):
        tracks = [
            replace(track, clip=clip, tested_in=place)
            for track in labelled_tracks()
            for clip, place in ((first, (0,)), (second, (1,)))
        ]
        made = tasks.make_tasks(PARAMS, tracks, load_clips_of(folder, tracks))
        addresses.append(tasks.address_of(made[0], "code"))
    assert addresses[0] != addresses[1]


def test_track_without_features_is_named(folder: Path) -> None:
    tracks = [*labelled_tracks(), folded("low/new", "low"), folded("x", "low")]
    with pytest.raises(PipelineError, match=r"centroid has no rows of low/new \(2 missing\)"):
        load_clips_of(folder, tracks)


def test_toy_problem_is_learned_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = toy_task(epochs=5)
    path = tmp_path / "fold-0.keras"
    history = fit_to(path, task)
    assert len(history) == 5
    assert all(tuple(row) == HISTORY for row in history)
    assert history[-1]["val_accuracy"] > 0.9
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    model, description = load_model(path)
    assert description == task.description
    chances = probabilities(model, task.rows[task.validation])
    assert (chances.argmax(axis=1) == task.labels[task.validation]).mean() > 0.9
    assert "fold 0: epoch 5/5, accuracy" in capsys.readouterr().out


def test_normalisation_comes_from_the_training_part(tmp_path: Path) -> None:
    task = toy_task(epochs=1)
    task.rows[task.validation] += 10_000
    path = tmp_path / "fold-0.keras"
    fit_to(path, task)
    normalise = load_model(path)[0].get_layer("normalise")
    fitted = task.rows[task.train].astype(np.float64)
    np.testing.assert_allclose(np.ravel(normalise.mean), fitted.mean(), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(normalise.variance), fitted.var(), rtol=1e-6)


def augmented_task(**changes: Any) -> tuple[FoldTask, list[tuple[int, int]]]:
    """A toy task with samples far off and rows that change; (row, epoch) of all that did."""
    task, changed = toy_task(**changes), list[tuple[int, int]]()

    def change(rows: Array, numbers: Array, epoch: int) -> Array:
        changed.extend((number, epoch) for number in numbers.tolist())
        return rows * np.float16(1 + epoch / 8)

    rows = np.concatenate([task.rows, task.rows[task.train] + np.float16(10_000)])
    labels = np.concatenate([task.labels, task.labels[task.train]])
    samples = np.arange(60, 100)
    return replace(task, rows=rows, labels=labels, augmented=samples, change=change), changed


def test_normalisation_and_validation_know_nothing_of_augmentation(tmp_path: Path) -> None:
    task, changed = augmented_task(epochs=2)
    path = tmp_path / "fold-0.keras"
    history = fit_to(path, task)
    trained = {*task.train.tolist(), *task.augmented.tolist()}
    assert {row for row, _ in changed} == trained
    later = [row for row, epoch in changed if epoch == 1]  # Keras looks at two batches beforehand
    assert sorted(later) == sorted(trained)
    model = load_model(path)[0]
    normalise = model.get_layer("normalise")
    fitted = task.rows[task.train].astype(np.float64)
    np.testing.assert_allclose(np.ravel(normalise.mean), fitted.mean(), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(normalise.variance), fitted.var(), rtol=1e-6)
    chances = probabilities(model, task.rows[task.validation])
    chosen = chances[np.arange(20), task.labels[task.validation]]
    assert -np.log(chosen).mean() == pytest.approx(history[-1]["val_loss"], rel=1e-4)


def test_killed_training_goes_on_with_the_changes_of_its_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, changed = augmented_task(epochs=3)
    history = fit_to(tmp_path / "whole.keras", task)
    with monkeypatch.context() as patch:
        kill_after(1, patch)
        with pytest.raises(KilledError):
            fit_to(tmp_path / "killed.keras", task)
    changed.clear()
    assert fit_to(tmp_path / "killed.keras", task) == history
    epochs = Counter(epoch for _, epoch in changed)
    assert (epochs[1], epochs[2]) == (80, 80)
    assert epochs[0] < 80  # Keras looks at two batches beforehand
    assert (tmp_path / "killed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    def trained(name: str, seed: int) -> list[Array]:
        training = {"seed": seed, "precision": "float32"}
        task = toy_task(training, epochs=1, dropout=0.2)
        fit_to(tmp_path / name, task)
        weights: list[Array] = load_model(tmp_path / name)[0].get_weights()
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
            self,
            rows: Array,
            labels: Array,
            index: Array,
            size: int,
            seed: int | None = None,
            change: Change | None = None,
        ) -> None:
            super().__init__(rows, labels, index, size, seed, change)
            seeds[len(index)] = seed

    monkeypatch.setattr(fitting, "Batches", Recorded)
    fit_to(tmp_path / "x.keras", toy_task(epochs=1))
    assert seeds == {40: 7, 20: None}


def test_half_precision_is_for_training_alone(tmp_path: Path) -> None:
    task = toy_task({"seed": 7, "precision": "bfloat16"}, epochs=3)
    path = tmp_path / "x.keras"
    fit_to(path, task)
    model, description = load_model(path)
    assert description.training["precision"] == "bfloat16"
    assert {layer.compute_dtype for layer in model.layers[-1].layers} == {"float32"}
    chances = probabilities(model, task.rows[task.validation])
    assert (chances.argmax(axis=1) == task.labels[task.validation]).mean() > 0.9


def test_early_stopping_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    task = toy_task(epochs=40, patience=2, optimizer="sgd", momentum=0.5)
    task.labels[task.validation] = 1 - task.labels[task.validation]  # the more is learned ...
    path = tmp_path / "x.keras"
    history = fit_to(path, task)
    losses = [row["val_loss"] for row in history]
    assert len(history) == int(np.argmin(losses)) + 1 + 2 < 40
    chances = probabilities(load_model(path)[0], task.rows[task.validation])
    chosen = chances[np.arange(20), task.labels[task.validation]]
    assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-3)


def test_loss_that_is_no_number_names_the_learning_rate(tmp_path: Path) -> None:
    task = toy_task(optimizer="sgd", learning_rate=1e30)
    expected = r"^fold 0: the loss was no number in epoch 1; lower models\.ann\.learning_rate = 1e"
    with pytest.raises(PipelineError, match=expected):
        fit_to(tmp_path / "x.keras", task)
    assert not (tmp_path / "x.keras").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_no_numbers_name_the_feature(tmp_path: Path, value: float) -> None:
    task = toy_task()
    np.asarray(task.rows)[3, 1] = value
    expected = r"^rows of the feature 'centroid' have values that are infinite or no numbers;"
    with pytest.raises(PipelineError, match=expected):
        fit_to(tmp_path / "x.keras", task)


def test_training_lets_go_of_the_rows(tmp_path: Path) -> None:
    """TensorFlow keeps what it drew batches from: with the rows, every fold's files stay open."""
    task, _ = augmented_task(epochs=1)

    class Stored(np.ndarray[Any, Any]):  # which can be referred to weakly
        pass

    stored = np.asarray(task.rows).view(Stored)
    kept = weakref.ref(stored)
    fit_to(tmp_path / "x.keras", replace(task, rows=stored))
    del stored
    gc.collect()
    assert kept() is None


def test_progress_is_told_within_an_epoch_that_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "BATCH_SECONDS", 0.0)
    task = toy_task(epochs=2, batch_size=16)
    fit_to(tmp_path / "x.keras", task)
    told = re.findall(r"fold 0: epoch (\S+) at (\d+) %", capsys.readouterr().out.replace("%", " %"))
    assert told == [(f"{epoch}/2", share) for epoch in (1, 2) for share in ("33", "67", "100")]


def test_every_epoch_that_is_long_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EPOCH_SECONDS", 0.0)
    fit_to(tmp_path / "x.keras", toy_task(epochs=3))
    lines = capsys.readouterr().out.splitlines()
    assert [re.findall(r"epoch (\S+),.* (left|done)", line) for line in lines] == [
        [("1/3", "left")],
        [("2/3", "left")],
        [("3/3", "done")],
    ]


def test_fold_goes_to_its_device_when_the_session_before_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    @contextmanager
    def device_for(number: int) -> Iterator[None]:
        called.append(number)
        yield
        called.append("left")

    monkeypatch.setattr(fitting, "device_for", device_for)
    monkeypatch.setattr("keras.utils.clear_session", lambda: called.append("cleared"))
    monkeypatch.setattr(fitting, "save_model", lambda *_: called.append("saved"))
    fit_to(tmp_path / "x.keras", toy_task(epochs=1))
    assert called == ["cleared", 0, "saved", "left"]


class KilledError(Exception):
    """Stands for the end of a process."""


def kill_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every training end after an epoch, with a checkpoint of each epoch before."""

    def on_epoch_end(_: Progress, number: int, _logs: dict[str, float]) -> None:
        if number == epoch:
            raise KilledError

    monkeypatch.setattr(Progress, "on_epoch_end", on_epoch_end)
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "dropout": 0.3},
        {"optimizer": "sgd", "momentum": 0.9, "dropout": 0.3},
        {"optimizer": "adam", "schedule": "cosine", "warmup": 0.2},
        {"optimizer": "sgd", "learning_rate": 0.001, "patience": 2},
    ],
    ids=["adam", "sgd", "cosine", "stopping"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_killed_training_goes_on_to_the_same_bytes(
    tmp_path: Path, changes: dict[str, Any], precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    task = toy_task({"seed": 7, "precision": precision}, epochs=6, **changes)
    if "patience" in changes:
        task.labels[task.validation] = 1 - task.labels[task.validation]
    history = fit_to(tmp_path / "whole.keras", task)
    for epoch in (2, 3):
        with pytest.MonkeyPatch.context() as patch:
            kill_after(epoch, patch)
            with pytest.raises(KilledError):
                fit_to(tmp_path / "killed.keras", task)
        if len(history) == 3:
            break
    capsys.readouterr()
    assert fit_to(tmp_path / "killed.keras", task) == history
    assert capsys.readouterr().out.startswith(f"fold 0: goes on after epoch {epoch}\n")
    assert (tmp_path / "killed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()
    assert not (tmp_path / "killed.npz").exists()


@pytest.mark.parametrize("changes", [{}, {"patience": 2, "learning_rate": 0.001}])
def test_what_was_killed_after_its_last_epoch_is_only_saved(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy_task(epochs=6, optimizer="sgd", **changes)
    if changes:
        task.labels[task.validation] = 1 - task.labels[task.validation]
    history = fit_to(tmp_path / "whole.keras", task)
    assert len(history) == (3 if changes else 6)

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "SAVE_SECONDS", 0.0)
        patch.setattr(fitting, "save_model", killed)
        with pytest.raises(KilledError):
            fit_to(tmp_path / "killed.keras", task)
    monkeypatch.setattr(Progress, "on_train_begin", killed)
    assert fit_to(tmp_path / "killed.keras", task) == history
    assert (tmp_path / "killed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_damaged_checkpoint_counts_as_none(
    tmp_path: Path, keep: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy_task(epochs=3)
    history = fit_to(tmp_path / "whole.keras", task)
    with monkeypatch.context() as patch:
        kill_after(2, patch)
        with pytest.raises(KilledError):
            fit_to(tmp_path / "killed.keras", task)
    content = (tmp_path / "killed.npz").read_bytes()
    (tmp_path / "killed.npz").write_bytes(content[: int(keep * len(content))])
    assert fit_to(tmp_path / "killed.keras", task) == history


def test_time_of_a_killed_training_is_that_of_both_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy_task(epochs=3)
    clock = iter(range(0, 10**6, 100))
    monkeypatch.setattr("pipeline.training.checkpoint.time.monotonic", lambda: float(next(clock)))
    with monkeypatch.context() as patch:
        kill_after(2, patch)
        with pytest.raises(KilledError):
            fit_to(tmp_path / "x.keras", task)
    state = json.loads(str(np.load(tmp_path / "x.npz")["state"]))
    fitted = fit_fold(task, tmp_path / "x.keras", tmp_path / "x.npz")
    assert fitted.seconds > state["seconds"] > 100


def test_fold_records_what_computed_it_and_a_worker_of_other_code_refuses(
    tmp_path: Path, clips: LabelledClips
) -> None:
    task = tasks_of(clips)[0]
    code = tasks.code_of(task)
    folder = tasks.train_fold(task, Cache(tmp_path), code)
    facts = json.loads((folder / MACHINE).read_text(encoding="utf-8"))
    assert facts == machine_facts("float32")
    assert load_model(folder / MODEL)[1].training == {"seed": PARAMS.seed, **facts}
    with pytest.raises(PipelineError, match=r"^a worker runs other code or libraries, or"):
        tasks.train_fold(task, Cache(tmp_path), "other")


def test_a_worker_with_another_backend_refuses(
    tmp_path: Path, clips: LabelledClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks_of(clips)[0]
    code = tasks.code_of(task)
    monkeypatch.setattr("keras.backend.backend", lambda: "other")
    with pytest.raises(PipelineError, match=r"^a worker runs other code or libraries, or"):
        tasks.train_fold(task, Cache(tmp_path), code)


def test_facts_of_machines_that_differ_are_all_told() -> None:
    one = {"backend": "jax", "processor": "A", "threads": 1}
    assert train.merge_facts([one, {**one, "processor": "B"}, one]) == {**one, "processor": "A, B"}


def small_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A project in the working directory; the folds that are trained from here on."""
    write_project(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PIPELINE_CACHE", str(folder / "cache"))
    trained: list[int] = []

    def counted(task: FoldTask, path: Path, _: Path) -> Fitted:
        trained.append(task.description.fold)
        path.write_text(f"model of {task.description.fold}", encoding="utf-8")
        return Fitted([dict.fromkeys(HISTORY, 0.5), dict.fromkeys(HISTORY, 0.25)], 1.0)

    monkeypatch.setattr(fold, "fit_fold", counted)
    monkeypatch.setattr(tasks, "map_folds", lambda f, tasks: [f(task) for task in tasks])
    return trained


def test_main_writes_a_model_and_a_history_for_each_fold_and_nothing_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_project(tmp_path, monkeypatch)
    TRAINED.mkdir(parents=True)
    (TRAINED / "fold-7.keras").touch()
    train.main()
    names = ["fold-0.csv", "fold-0.keras", "fold-1.csv", "fold-1.keras"]
    assert sorted(path.name for path in TRAINED.iterdir()) == names
    rows = read_csv(TRAINED / "fold-1.csv", ["epoch", *HISTORY])
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["val_loss"] for row in rows] == ["0.5", "0.25"]


def test_a_second_run_is_refused_while_one_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = small_project(tmp_path, monkeypatch)
    train.main()
    before = contents(TRAINED)
    with replacing_folder(TRAINED):
        expected = rf"^models/trained is being written by process {os.getpid()}; wait until"
        with pytest.raises(PipelineError, match=expected):
            train.main()
        assert contents(TRAINED) == before
    assert trained == [0, 1]


def test_fold_that_was_trained_before_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = small_project(tmp_path, monkeypatch)
    train.main()
    assert trained == [0, 1]
    train.main()
    assert trained == [0, 1]
    assert "fold 1: trained before, taken from the cache" in capsys.readouterr().out
    write_params(tmp_path, {**SMALL, "seed": PARAMS.seed + 1})
    train.main()
    assert trained == [0, 1, 0, 1]
    write_params(tmp_path, SMALL)
    train.main()
    assert trained == [0, 1, 0, 1]
    assert (TRAINED / "fold-1.keras").read_text(encoding="utf-8") == "model of 1"


def test_address_follows_from_all_that_is_seen(clips: LabelledClips) -> None:
    def addresses(params: Params = PARAMS, **changes: Any) -> list[str]:
        made = tasks.make_tasks(params, labelled_tracks(), replace(clips, **changes))
        return [tasks.address_of(task, "code") for task in made]

    first = addresses()
    assert first == addresses()
    assert len(set(first)) == 2
    tested = next(track for track in labelled_tracks() if track.tested_in == (0,))
    other = addresses(digests={**clips.digests, tested.track_id: "changed"})
    assert other[0] == first[0]  # it is not seen there
    assert other[1] != first[1]
    for changes in ({"models.ann.dropout": 0.1}, {"seed": 1}, {"train.validation": 0.6}):
        assert not set(addresses(small_experiment(changes))) & set(first)


def test_main_outside_a_project_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=r"params\.yaml is missing"):
        train.main()
