"""The figures and rows of the tables in metrics/."""

import json
from dataclasses import replace
from statistics import stdev

import numpy as np
import pytest
from pipeline.evaluation.intervals import accuracy_interval

from pipeline.base.files import rounded
from pipeline.evaluation.predictions import VOTERS, Predictions, by_level, vote_by_track
from pipeline.evaluation.scores import expected_calibration_error
from pipeline.evaluation.summary import (
    fold_scores,
    prediction_rows,
    probability_columns,
    probability_row,
    summarise,
    summarise_leaky,
)

GENRES = ["a", "b"]

# One fold is right about 3 of 4 clips and 1 of 2 tracks, the other about all.
CLIPS = Predictions(
    track_ids=np.array(["t1", "t1", "t2", "t2", "t3", "t4"]),
    actual=np.array([0, 0, 1, 1, 0, 1]),
    folds=np.array([0, 0, 0, 0, 1, 1]),
    groups=np.array(["one", "one", "one", "one", "t3", "t4"]),
    probabilities=np.array(
        [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.75, 0.25], [0.25, 0.75]]
    ),
)


def test_fold_scores_by_hand() -> None:
    rows = fold_scores({"clip": CLIPS})
    log_loss = [-np.log([0.9, 0.6, 0.2, 0.7]).mean(), -np.log(0.75)]
    assert [rounded(row) for row in rows] == [
        {
            "fold": 0,
            "level": "clip",
            "accuracy": 0.75,
            "macro_f1": round((0.8 + 2 / 3) / 2, 4),
            "log_loss": round(float(log_loss[0]), 4),
        },
        {
            "fold": 1,
            "level": "clip",
            "accuracy": 1.0,
            "macro_f1": 1.0,
            "log_loss": round(float(log_loss[1]), 4),
        },
    ]


def test_fold_scores_have_a_row_for_each_fold_and_level() -> None:
    rows = fold_scores(by_level(CLIPS))
    assert [(row["level"], row["fold"]) for row in rows] == [
        (level, fold) for level in ("clip", *VOTERS) for fold in (0, 1)
    ]


def test_summary_by_hand() -> None:
    """The clips of t2 disagree, and their mean, 0.55 to 0.45, is wrong, as is their product.

    Accuracies pool all rows, whatever the size of a fold; deviations are those of the folds.
    """
    summary = summarise(by_level(CLIPS), "majority")
    tracks, clips = [0.5, 1.0], [0.75, 1.0]
    track_low, track_high = accuracy_interval(np.array([1, 0, 1, 1]), CLIPS.groups[[0, 2, 4, 5]], 0)
    clip_low, clip_high = accuracy_interval(np.array([1, 1, 0, 1, 1, 1]), CLIPS.groups, 0)
    votes = {vote: vote_by_track(CLIPS, vote) for vote in VOTERS}
    errors = {
        f"track_calibration_error_{vote}": round(
            expected_calibration_error(voted.actual, voted.probabilities), 4
        )
        for vote, voted in votes.items()
    }
    assert rounded(summary) == errors | {
        "track_accuracy": 3 / 4,
        "track_accuracy_low": round(track_low, 4),
        "track_accuracy_high": round(track_high, 4),
        "clip_accuracy_low": round(clip_low, 4),
        "clip_accuracy_high": round(clip_high, 4),
        "track_calibration_error": round((3 * 0.25 + 0.55) / 4, 4),  # 0.75 is right three times
        "clip_calibration_error": round((0.1 + 0.4 + 0.3 + 0.3) / 6, 4),
        "track_accuracy_std": round(stdev(tracks), 4),
        "track_macro_f1": round((0.8 + 2 / 3) / 2, 4),
        "clip_accuracy": round(5 / 6, 4),
        "clip_accuracy_std": round(stdev(clips), 4),
        "clip_macro_f1": round((6 / 7 + 4 / 5) / 2, 4),
        "track_accuracy_majority": 0.75,
        "track_accuracy_mean": 0.75,
        "track_accuracy_product": 0.75,
        "track_log_loss": round(float(-np.log([0.75, 0.45, 0.75, 0.75]).mean()), 4),
        "clip_log_loss": round(float(-np.log([0.9, 0.6, 0.2, 0.7, 0.75, 0.75]).mean()), 4),
        "tracks": 4,
        "clips": 6,
    }


@pytest.mark.parametrize("vote", VOTERS)
def test_the_summary_is_one_flat_json_object(vote: str) -> None:
    summary = summarise(by_level(CLIPS), vote)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert all(type(value) in (int, float) for value in summary.values())
    assert summary["track_accuracy"] == summary[f"track_accuracy_{vote}"]


def test_the_summary_follows_the_chosen_vote() -> None:
    """Two weak votes for the right genre against one strong vote for the wrong one."""
    clips = Predictions(
        np.array(["t1"] * 3 + ["t2"]),
        np.array([0, 0, 0, 1]),
        np.array([0, 0, 0, 1]),
        np.array(["t1"] * 3 + ["t2"]),
        np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0], [0.2, 0.8]]),
    )
    levels = by_level(clips)
    assert summarise(levels, "majority")["track_accuracy"] == 1.0
    assert summarise(levels, "mean")["track_accuracy"] == 0.5


def test_tracks_and_clips_that_several_seeds_test_are_counted_once() -> None:
    columns = ("track_ids", "actual", "groups", "probabilities")
    pooled = {name: np.concatenate([getattr(CLIPS, name)] * 3) for name in columns}
    seeds = Predictions(**pooled, folds=np.repeat([0, 1, 2], 6))
    summary = summarise(by_level(seeds), "majority")
    assert (summary["tracks"], summary["clips"]) == (4, 6)


def test_leaky_figures_are_those_of_clips_under_other_names() -> None:
    summary = summarise(by_level(CLIPS), "majority")
    leaky = summarise_leaky(CLIPS)
    of_clips = {name: value for name, value in summary.items() if name.startswith("clip")}
    assert len(of_clips) == 8
    assert leaky == {f"leaky_{name}": value for name, value in of_clips.items()}


def test_prediction_rows_show_the_vote_beside_the_probabilities() -> None:
    levels = by_level(CLIPS)
    chosen = replace(CLIPS, probabilities=CLIPS.probabilities[:, ::-1])
    rows = prediction_rows(levels["clip"], chosen, GENRES)
    assert len(rows) == 6
    assert rows[3] == {
        "track_id": "t2",
        "fold": 0,
        "group": "one",
        "actual": "b",
        "predicted": "a",
        "p_a": "0.3000",
        "p_b": "0.7000",
    }


def test_probability_cells_have_four_decimals_and_their_columns() -> None:
    row = probability_row(GENRES, np.array([1 / 3, 2 / 3], np.float32))
    assert row == {"p_a": "0.3333", "p_b": "0.6667"}
    assert list(row) == probability_columns(GENRES)
    with pytest.raises(ValueError, match="is longer"):
        probability_row(GENRES, np.ones(3))
