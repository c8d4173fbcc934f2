"""The stage evaluate: each clip is predicted by the model of its fold, and every table."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import describe, labelled_clips, labelled_tracks, saves_models, write_project
from project import contents

from pipeline import evaluate
from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES
from pipeline.base.types import Array
from pipeline.evaluation.predictions import VOTERS, Predictions
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack
from pipeline.prediction.ensemble import clip_predictions, predict_out_of_fold
from pipeline.training.trained import Description

pytestmark = saves_models

Table = list[dict[str, str]]

CHANCES = {0: [0.9, 0.1], 1: [0.2, 0.8]}


def constant(chances: list[float]) -> Callable[[Array], Array]:
    """A model that predicts `chances` for every row."""
    return lambda rows: np.tile(np.array(chances, np.float32), (len(rows), 1))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> LabelledClips:
    folder = tmp_path_factory.mktemp("clips")
    write_project(folder)
    return labelled_clips(folder)


def predict(clips: LabelledClips, models: Sequence[tuple[Any, Description]]) -> Predictions:
    found = predict_out_of_fold(clips, models)
    return clip_predictions(clips, found.rows, found.folds, found.probabilities)


def models_of(clips: LabelledClips, **changes: Any) -> list[tuple[Any, Description]]:
    known = {"store": clips.description, **changes}
    return [(constant(chances), describe(fold, **known)) for fold, chances in CHANCES.items()]


def test_each_clip_is_predicted_by_the_model_of_its_fold(clips: LabelledClips) -> None:
    for models in (models_of(clips), models_of(clips)[::-1]):
        predicted = predict(clips, models)
        fold_of = {track.track_id: track.tested_in[0] for track in labelled_tracks()}
        assert len(predicted.track_ids) == 24
        for track, fold, chances in zip(
            predicted.track_ids, predicted.folds, predicted.probabilities, strict=True
        ):
            assert fold == fold_of[track]
            np.testing.assert_allclose(chances, CHANCES[fold])


def test_each_model_gets_only_the_rows_of_its_fold(clips: LabelledClips) -> None:
    seen: dict[int, Array] = {}

    def watching(fold: int) -> Callable[[Array], Array]:
        def model(rows: Array) -> Array:
            seen[fold] = rows
            return constant(CHANCES[fold])(rows)

        return model

    predict(clips, [(watching(of.fold), of) for _, of in models_of(clips)])
    for fold in CHANCES:
        np.testing.assert_array_equal(seen[fold], clips.rows[np.flatnonzero(clips.tested[fold])])


def test_models_of_other_folds_are_refused(clips: LabelledClips) -> None:
    models = models_of(clips)
    third = (constant([0.5, 0.5]), describe(2, store=clips.description))
    for others in (models[:1], [*models, third], [models[0], third]):
        with pytest.raises(PipelineError, match="trained on other folds or features; run `dvc"):
            predict(clips, others)


def test_models_of_other_features_are_refused(clips: LabelledClips) -> None:
    coarser = {**clips.description, "params": {"n_fft": 512, "hop_length": 400}}
    with pytest.raises(PipelineError, match="trained on other folds or features; run `dvc"):
        predict(clips, models_of(clips, store=coarser))
    with pytest.raises(PipelineError, match="trained on other folds or features; run `dvc"):
        predict(replace(clips, description=coarser), models_of(clips))


def history(fold: str, values: list[float]) -> list[dict[str, Any]]:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return [
        {"fold": fold, "epoch": str(epoch), **{name: str(value) for name in names}}
        for epoch, value in enumerate(values, 1)
    ]


def test_a_fold_that_stopped_stays_in_the_mean_at_its_last_value() -> None:
    """The best fold trains longest: without the others the curve would jump to it."""
    histories = history("0", [0.2, 0.4]) + history("1", [0.4]) + history("2", [0.6, 0.8, 0.9])
    curves = evaluate.mean_curves(histories)
    assert [row["epoch"] for row in curves] == [1, 2, 3]
    assert [row["folds"] for row in curves] == [3, 2, 1]
    for column in evaluate.CURVES:
        assert [row[column] for row in curves] == pytest.approx([1.2 / 3, 1.6 / 3, 1.7 / 3])


def test_curves_are_in_the_numerical_order_of_epochs() -> None:
    assert [row["epoch"] for row in evaluate.mean_curves(history("0", [0.5] * 11))][-2:] == [10, 11]


def table(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "columns", "count"),
    [
        ("metrics/accuracies", "level accuracy low high", 1 + len(VOTERS)),
        ("metrics/fold_scores", "fold level accuracy macro_f1 log_loss", 2 * (1 + len(VOTERS))),
        ("metrics/genres", "genre precision recall f1 tracks", 2),
        ("metrics/predictions", "track_id fold group actual predicted p_high p_low", 12),
        ("data/clip_predictions", "track_id fold group actual predicted p_high p_low", 24),
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
    rows = table(evaluated / f"{name}.csv")
    assert list(rows[0]) == columns.split()
    assert len(rows) == count
    assert all(value for row in rows for value in row.values())


def test_confused_pairs_are_those_of_the_predictions(evaluated: Path) -> None:
    header = (evaluated / "metrics/confused_pairs.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "actual,predicted,count"
    wrong = [
        row
        for row in table(evaluated / "metrics/predictions.csv")
        if row["actual"] != row["predicted"]
    ]
    pairs = table(evaluated / "metrics/confused_pairs.csv")
    assert sum(int(pair["count"]) for pair in pairs) == len(wrong)


def test_summary_agrees_with_the_tables_and_the_genres_were_learned(evaluated: Path) -> None:
    summary = json.loads((evaluated / "metrics/summary.json").read_text(encoding="utf-8"))
    assert (summary["tracks"], summary["clips"]) == (12, 24)
    rows = table(evaluated / "metrics/predictions.csv")
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert summary["track_accuracy"] == pytest.approx(right / 12, abs=1e-4)
    assert summary["track_accuracy"] > 0.9
    assert not [value for value in summary.values() if isinstance(value, dict | list)]


def test_every_track_is_predicted_in_its_own_fold(evaluated: Path) -> None:
    rows = table(evaluated / "metrics/predictions.csv")
    expected = [(t.track_id, str(t.tested_in[0]), t.genre) for t in labelled_tracks()]
    assert [(row["track_id"], row["fold"], row["actual"]) for row in rows] == expected
    for row in rows:
        assert float(row["p_high"]) + float(row["p_low"]) == pytest.approx(1, abs=2e-4)


def test_evaluating_again_writes_the_same_bytes(
    evaluated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(evaluated / "metrics")
    monkeypatch.chdir(evaluated)
    evaluate.main()
    assert contents(evaluated / "metrics") == before
    assert len(before) == 11


def with_folds(folder: Path, tracks: Sequence[FoldedTrack], models: int) -> Predictions:
    """Predictions of constant models for the small project, with the folds of `tracks`."""
    clips = load_labelled(folder / FEATURE_STORES / "centroid", tracks)
    answers = [(constant([n / 10, 1 - n / 10]), n) for n in range(models)]
    return predict(clips, [(model, describe(n, store=clips.description)) for model, n in answers])


def test_every_seed_predicts_the_tested_tracks(evaluated: Path, tmp_path: Path) -> None:
    tracks = [
        replace(track, tested_in=(0, 1, 2) if track.genre == "low" else ())
        for track in labelled_tracks()
    ]
    predicted = with_folds(evaluated, tracks, 3)
    assert len(predicted.track_ids) == 3 * 12
    for number in range(3):
        part = predicted.folds == number
        assert predicted.track_ids[part].tolist() == [
            f"low/{n}" for n in range(6) for _ in range(2)
        ]
        np.testing.assert_allclose(predicted.probabilities[part, 0], number / 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        evaluate.write_tables(predicted, ["high", "low"], "mean", by_clip=False)
    rows = table(tmp_path / "metrics/predictions.csv")
    expected = [(f"low/{n}", str(fold)) for n in range(6) for fold in range(3)]
    assert [(row["track_id"], row["fold"]) for row in rows] == expected


def test_folds_by_clip_give_only_leaky_figures_of_clips(evaluated: Path, tmp_path: Path) -> None:
    tracks = [
        replace(track, clip=clip, tested_in=(clip,))
        for track in labelled_tracks()
        for clip in (0, 1)
    ]
    predicted = with_folds(evaluated, tracks, 2)
    np.testing.assert_array_equal(
        predicted.groups, predicted.track_ids
    )  # the clips of a track are similar
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        evaluate.write_tables(predicted, ["high", "low"], "mean", by_clip=True)
    summary = json.loads((tmp_path / "metrics/summary.json").read_text(encoding="utf-8"))
    assert all(name.startswith("leaky_clip") for name in summary)
    assert summary["leaky_clip_accuracy"] == 0.5
    assert summary["leaky_clips"] == 24
    assert {row["level"] for row in table(tmp_path / "metrics/fold_scores.csv")} == {"clip"}
    assert table(tmp_path / "metrics/predictions.csv") == table(
        tmp_path / "data/clip_predictions.csv"
    )
