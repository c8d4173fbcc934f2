"""Each clip is predicted by the model of its fold, and a run records its figures and itself."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import (
    describe,
    labelled_clips,
    labelled_tracks,
    saves_models,
    small_document,
    small_experiment,
    write_project,
)
from project import contents

from pipeline import evaluate, train
from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    CLIP_PREDICTIONS,
    FEATURE_STORES,
    FOLDS,
    HISTORIES,
    METRICS,
    PREDICTIONS,
    SCORES,
    SPLIT,
    SUMMARY,
    TRAINED,
    TRAINING,
    VALIDATION_PREDICTIONS,
    read_csv,
    read_json,
    write_json,
)
from pipeline.base.params import lookup
from pipeline.base.types import Array
from pipeline.evaluation.predictions import (
    VOTERS,
    Predictions,
    mean_over_seeds,
    outcomes,
    read_predictions,
)
from pipeline.evaluation.summary import HEADLINE
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack, folds_digest, write_folds
from pipeline.prediction.ensemble import load_models, models_digest, predict_out_of_fold
from pipeline.runs.revisions import read_revision
from pipeline.training.trained import Description

pytestmark = saves_models

Model = Callable[[Array], Array]
Loaded = tuple[Model, Description]


def model_of(fold: int) -> Model:
    """A model whose prediction for a row follows from the row and from the fold."""

    def model(rows: Array) -> Array:
        share = (rows.mean(axis=1, dtype=float) / 2000 + fold) / 3
        return np.column_stack([share, 1 - share])

    return model


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> LabelledClips:
    folder = tmp_path_factory.mktemp("clips")
    write_project(folder)
    return labelled_clips(folder)


def models_of(clips: LabelledClips, count: int = 2, **changes: Any) -> list[Loaded]:
    known = {"store": clips.description, **changes}
    return [(model_of(fold), describe(fold, **known)) for fold in range(count)]


@pytest.mark.parametrize("artist", ["", "X"])
def test_each_clip_is_predicted_by_the_model_of_its_fold(clips: LabelledClips, artist: str) -> None:
    clips = replace(clips, tracks=[replace(track, artist=artist) for track in clips.tracks])
    tracks = {track.track_id: track for track in clips.tracks}
    numbers = list(zip(clips.track_ids, clips.clip_numbers, strict=True))
    for models in (models_of(clips), models_of(clips)[::-1]):
        predicted = predict_out_of_fold(clips, models)
        assert predicted.clips is not None
        keys = list(zip(predicted.track_ids, predicted.clips, strict=True))
        assert keys == [(track, clip) for track in sorted(tracks) for clip in (0, 1)]
        assert predicted.groups.tolist() == [artist or track for track, _ in keys]
        for row, (track, clip) in enumerate(keys):
            [fold] = tracks[track].tested_in
            assert predicted.folds[row] == fold
            assert predicted.genres[predicted.actual[row]] == tracks[track].genre
            [expected] = model_of(fold)(clips.rows[np.array([numbers.index((track, clip))])])
            np.testing.assert_allclose(predicted.probabilities[row], expected)


def test_models_of_other_folds_or_features_are_refused(clips: LabelledClips) -> None:
    models = models_of(clips)
    third = models_of(clips, 3)[2]
    coarser = {**clips.description, "params": {"n_fft": 512, "hop_length": 400}}
    for tested, others in (
        (clips, models[:1]),
        (clips, [*models, third]),
        (clips, [models[0], third]),
        (clips, models_of(clips, store=coarser)),
        (replace(clips, description=coarser), models),
    ):
        with pytest.raises(PipelineError, match="trained on other folds or features; run `dvc"):
            predict_out_of_fold(tested, others)


@pytest.mark.parametrize(
    ("name", "columns", "count"),
    [
        ("metrics/accuracies", "level accuracy low high", 1 + len(VOTERS)),
        ("metrics/fold_scores", "fold level accuracy macro_f1 log_loss", 2 * (1 + len(VOTERS))),
        ("metrics/genres", "genre precision recall f1 tracks", 2),
        ("metrics/predictions", "track_id fold group actual predicted p_high p_low", 12),
        ("data/clip_predictions", "track_id clip fold group actual predicted p_high p_low", 24),
        (
            "data/validation_predictions",
            "track_id clip fold group actual predicted p_high p_low",
            8,
        ),
        ("metrics/history", "fold epoch loss accuracy val_loss val_accuracy", 12),  # of `train`
        (
            "metrics/curves",
            "epoch training_accuracy validation_accuracy training_loss validation_loss folds",
            6,
        ),
    ],
)
def test_table_has_its_columns_and_rows(
    evaluated: Path, name: str, columns: str, count: int
) -> None:
    rows = read_csv(evaluated / f"{name}.csv")
    assert list(rows[0]) == columns.split()
    assert len(rows) == count
    assert all(value for row in rows for value in row.values())


def test_summary_agrees_with_the_tables_and_the_genres_were_learned(evaluated: Path) -> None:
    summary = read_json(evaluated / SUMMARY)
    assert (summary["tracks"], summary["clips"]) == (12, 24)
    tracks = read_predictions(evaluated / PREDICTIONS)
    assert summary["track_accuracy"] == pytest.approx(tracks.correct.mean(), abs=1e-4)
    assert summary["track_accuracy"] > 0.9
    pairs = (evaluated / METRICS / "confused_pairs.csv").read_text(encoding="utf-8").splitlines()
    assert pairs[0] == "actual,predicted,count"
    assert sum(int(pair.split(",")[2]) for pair in pairs[1:]) == (~tracks.correct).sum()


def test_evaluating_again_writes_the_same_bytes(
    evaluated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(evaluated)
    before = contents(METRICS)
    evaluate.main()
    assert contents(METRICS) == before
    assert len(before) == 11


@pytest.fixture
def project(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the project that was evaluated as the working directory."""
    shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def evaluate_with(
    tracks: Sequence[FoldedTrack], models: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[Predictions, Predictions]:
    """The tables of tracks and clips that `evaluate` writes with these folds."""
    write_folds(tracks, FOLDS)
    for path in (SPLIT, TRAINING):
        write_json(path, {**read_json(path), "folds_digest": folds_digest()})
    loaded = models_of(load_labelled(FEATURE_STORES / "centroid", tracks), models)
    monkeypatch.setattr(evaluate, "load_models", lambda _: loaded)
    evaluate.main()
    return read_predictions(PREDICTIONS), read_predictions(CLIP_PREDICTIONS)


@pytest.mark.usefixtures("project")
def test_every_seed_predicts_the_tested_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `filtered`, and `given` with a split, have it: some tracks, by each of three seeds."""
    divided = [
        replace(track, tested_in=(0, 1, 2) if track.genre == "low" else ())
        for track in labelled_tracks()
    ]
    tracks, clips = evaluate_with(divided, 3, monkeypatch)
    keys = list(zip(tracks.track_ids, tracks.folds, strict=True))
    assert keys == [(f"low/{n}", fold) for n in range(6) for fold in range(3)]
    assert len(clips) == 2 * len(tracks)
    found = outcomes(tracks)
    assert found.seeds == 3
    assert read_json(SUMMARY)["track_accuracy"] == pytest.approx(found.correct.mean(), abs=1e-4)


@pytest.mark.usefixtures("project")
def test_folds_by_clip_give_only_leaky_figures_of_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second clips of tracks are tested first, and read in time again."""
    divided = [
        replace(track, clip=clip, tested_in=(1 - clip,))
        for track in labelled_tracks()
        for clip in (0, 1)
    ]
    _, clips = evaluate_with(divided, 2, monkeypatch)
    np.testing.assert_array_equal(clips.groups, clips.track_ids)  # the clips of a track are similar
    in_time = mean_over_seeds(clips)
    assert in_time.clips is not None
    assert list(zip(in_time.track_ids, in_time.clips, in_time.folds, strict=True)) == [
        (track.track_id, clip, 1 - clip) for track in labelled_tracks() for clip in (0, 1)
    ]
    summary = read_json(SUMMARY)
    assert all(name.startswith("leaky_clip") for name in summary)
    assert summary["leaky_clip_accuracy"] == pytest.approx(clips.correct.mean(), abs=1e-4)
    assert summary["leaky_clips"] == 24
    assert {row["level"] for row in read_csv(METRICS / "fold_scores.csv")} == {"clip"}
    assert PREDICTIONS.read_bytes() == CLIP_PREDICTIONS.read_bytes()


@pytest.mark.usefixtures("project")
def test_training_says_what_was_trained_and_how() -> None:
    training = read_json(TRAINING)
    document = small_document({"models.ann.epochs": 6})
    assert training["parameters"] == {
        "model": "ann",
        "feature": "centroid",
        "seed": small_experiment().seed,
        "dataset": {"path": "data/demo"},
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


@pytest.mark.usefixtures("project")
def test_a_run_can_be_compared() -> None:
    found = read_revision("workspace")
    assert (found.model, found.feature) == ("ann", "centroid")
    assert found.parameters["models.ann.epochs"] == 6
    assert found.parameters["evaluate.vote"] == "mean"
    assert found.summary == read_json(SUMMARY)
    assert found.seconds == read_json(TRAINING)["seconds"]


@pytest.mark.usefixtures("project")
def test_inner_validation_clips_are_predicted_by_the_saved_model_of_their_fold() -> None:
    clips, found = labelled_clips(Path()), read_predictions(VALIDATION_PREDICTIONS)
    assert found.clips is not None
    numbers = list(zip(clips.track_ids, clips.clip_numbers, strict=True))
    rows = np.array([numbers.index(key) for key in zip(found.track_ids, found.clips, strict=True)])
    np.testing.assert_array_equal(found.actual, clips.labels[rows])
    assert not clips.tested[found.folds, rows].any()
    for model, description in load_models(TRAINED):
        part = found.folds == description.fold
        expected = model.predict(clips.rows[rows[part]].astype(np.float32), verbose=0)
        assert len(expected) == 4
        np.testing.assert_allclose(found.probabilities[part], expected, atol=1e-4)


@pytest.mark.usefixtures("project")
def test_the_scores_have_the_digests_of_the_files_of_their_run() -> None:
    paths = [SPLIT, TRAINING, HISTORIES, VALIDATION_PREDICTIONS, SUMMARY, PREDICTIONS]
    expected = {path.as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}
    expected["data/models"] = models_digest(TRAINED)
    assert read_json(SCORES)["sha256"] == expected


@pytest.mark.usefixtures("project")
def test_summary_is_short_and_the_other_scores_are_beside_it() -> None:
    summary, scores = read_json(SUMMARY), read_json(SCORES)
    assert tuple(sorted(summary)) == tuple(sorted(HEADLINE))
    assert len(HEADLINE) <= 10
    assert not summary.keys() & scores.keys()
    assert scores["vote"] == "mean"
    for vote in ("majority", "mean", "product"):
        assert 0 <= scores[f"track_accuracy_{vote}"] <= 1
    assert {"clip_macro_f1", "clip_accuracy_low", "clip_calibration_error"} <= scores.keys()


@pytest.mark.usefixtures("project")
def test_evaluation_says_in_five_lines_what_came_out() -> None:
    printed = Path("evaluate.txt").read_text().splitlines()
    assert len(printed) == 5
    accuracy = f"accuracy of tracks: {100 * read_json(SUMMARY)['track_accuracy']:.1f} % (95 % int"
    assert printed[0].startswith(accuracy)
    assert printed[1] == "of 12 tracks, split by song (2 folds); ann on centroid"
    assert "compare HEAD" not in printed[4]  # there is no commit
    assert all(len(line) <= 100 for line in printed)


@pytest.mark.usefixtures("project")
def test_folds_of_another_split_are_refused() -> None:
    write_json(SPLIT, {**read_json(SPLIT), "folds_digest": "another"})
    expected = r"training\.json is of other folds than .*split\.json"
    with pytest.raises(PipelineError, match=expected):
        evaluate.main()


@pytest.mark.usefixtures("project")
def test_figures_of_the_run_before_do_not_stand_while_a_new_one_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DVC shows what lies there as the figures of the experiment that runs."""
    there = []

    def stop(*_: object) -> None:
        there.append(SUMMARY.exists())
        raise PipelineError("enough")

    monkeypatch.setattr(train, "train_folds", stop)
    assert SUMMARY.exists()
    with pytest.raises(PipelineError, match="enough"):
        train.main()
    assert there == [False]


@pytest.mark.usefixtures("project")
def test_curves_are_the_means_of_the_folds() -> None:
    rows = read_csv(HISTORIES)
    epochs = [[float(row["val_loss"]) for row in rows if row["epoch"] == n] for n in "123456"]
    curves = [float(row["validation_loss"]) for row in read_csv(METRICS / "curves.csv")]
    assert curves == pytest.approx([sum(losses) / 2 for losses in epochs], abs=1e-4)
