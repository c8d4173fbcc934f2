"""From probabilities of clips to votes of tracks, figures and rows of tables."""

import json
from dataclasses import replace
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation import predictions, scores
from pipeline.evaluation.intervals import accuracy_interval, expected_calibration_error
from pipeline.evaluation.predictions import Predictions
from pipeline.base.tables import rounded

GENRES = ["a", "b"]

# One fold right in 3 of 4 clips and 1 of 2 tracks, one in all.
CLIPS = Predictions(
    track_ids=np.array(["t1", "t1", "t2", "t2", "t3", "t4"]),
    actual=np.array([0, 0, 1, 1, 0, 1]),
    folds=np.array([0, 0, 0, 0, 1, 1]),
    groups=np.array(["one", "one", "one", "one", "t3", "t4"]),
    probabilities=np.array(
        [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.75, 0.25], [0.25, 0.75]]
    ),
)


def reordered(clips: Predictions, order: list[int]) -> Predictions:
    columns = (clips.track_ids, clips.actual, clips.folds, clips.groups, clips.probabilities)
    return Predictions(*(column[order] for column in columns))


def three_seeds() -> tuple[list[Predictions], Predictions]:
    """Three seeds that judge the same clips, each in its way; apart, and pooled."""
    rng = np.random.default_rng(0)
    seeds = [
        replace(CLIPS, folds=np.full(6, s), probabilities=rng.random((6, 2))) for s in range(3)
    ]
    columns = ("track_ids", "actual", "folds", "groups", "probabilities")
    return seeds, Predictions(
        *(np.concatenate([getattr(s, name) for s in seeds]) for name in columns)
    )


@given(st.permutations(range(6)), st.sampled_from(sorted(scores.VOTERS)))
def test_tracks_are_grouped_whatever_the_order_of_rows(order: list[int], vote: str) -> None:
    judged = predictions.vote_by_track(reordered(CLIPS, order), vote)
    assert judged.track_ids.tolist() == ["t1", "t2", "t3", "t4"]
    assert judged.actual.tolist() == [0, 1, 0, 1]
    assert judged.folds.tolist() == [0, 0, 1, 1]
    assert judged.groups.tolist() == ["one", "one", "t3", "t4"]
    for track, voted in zip(judged.track_ids, judged.probabilities, strict=True):
        of_track = CLIPS.probabilities[CLIPS.track_ids == track]
        np.testing.assert_allclose(voted, scores.VOTERS[vote](of_track))


@given(st.permutations(range(18)), st.sampled_from(sorted(scores.VOTERS)))
def test_a_track_is_judged_once_a_seed(order: list[int], vote: str) -> None:
    seeds, pooled = three_seeds()
    judged = predictions.vote_by_track(reordered(pooled, order), vote)
    assert judged.track_ids.tolist() == [name for name in ("t1", "t2", "t3", "t4") for _ in seeds]
    assert judged.folds.tolist() == [0, 1, 2] * 4
    for number, seed in enumerate(seeds):
        alone = predictions.vote_by_track(seed, vote)
        part = judged.folds == number
        assert judged.actual[part].tolist() == alone.actual.tolist()
        np.testing.assert_allclose(judged.probabilities[part], alone.probabilities)


def test_summary_counts_what_several_seeds_judge_once() -> None:
    summary = predictions.summarise(predictions.by_level(three_seeds()[1]), "majority")
    assert (summary["tracks"], summary["clips"]) == (4, 6)


def test_leaky_figures_are_the_clips_and_say_so() -> None:
    summary = predictions.summarise(predictions.by_level(CLIPS), "majority")
    leaky = predictions.summarise_leaky(CLIPS)
    of_clips = {name: value for name, value in summary.items() if name.startswith("clip")}
    assert len(of_clips) == 8
    assert leaky == {f"leaky_{name}": value for name, value in of_clips.items()}


def test_levels_are_the_clips_and_every_vote() -> None:
    levels = predictions.by_level(CLIPS)
    assert list(levels) == ["clip", "majority", "mean", "product"]
    assert levels["clip"] is CLIPS
    assert all(len(levels[vote].actual) == 4 for vote in scores.VOTERS)


def test_fold_scores_by_hand() -> None:
    rows = predictions.fold_scores({"clip": CLIPS})
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
    rows = predictions.fold_scores(predictions.by_level(CLIPS))
    assert [(row["level"], row["fold"]) for row in rows] == [
        (level, fold) for level in ("clip", "majority", "mean", "product") for fold in (0, 1)
    ]


def test_summary_by_hand() -> None:
    """t2 is one vote against one: its mean, 0.55 to 0.45, is wrong, so is its product.

    Accuracies are of all that is judged, whatever the size of a fold; deviations are of folds.
    """
    summary = predictions.summarise(predictions.by_level(CLIPS), "majority")
    tracks, clips = [0.5, 1.0], [0.75, 1.0]
    track_low, track_high = accuracy_interval(np.array([1, 0, 1, 1]), CLIPS.groups[[0, 2, 4, 5]], 0)
    clip_low, clip_high = accuracy_interval(np.array([1, 1, 0, 1, 1, 1]), CLIPS.groups, 0)
    votes = {vote: predictions.vote_by_track(CLIPS, vote) for vote in scores.VOTERS}
    errors = {
        f"track_calibration_error_{vote}": round(
            expected_calibration_error(judged.actual, judged.probabilities), 4
        )
        for vote, judged in votes.items()
    }
    assert rounded(summary) == errors | {
        "track_accuracy": 3 / 4,
        "track_accuracy_low": round(track_low, 4),
        "track_accuracy_high": round(track_high, 4),
        "clip_accuracy_low": round(clip_low, 4),
        "clip_accuracy_high": round(clip_high, 4),
        "track_calibration_error": round((3 * 0.25 + 0.55) / 4, 4),  # 0.75 thrice right
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


@pytest.mark.parametrize("vote", scores.VOTERS)
def test_summary_is_flat_plain_json(vote: str) -> None:
    summary = predictions.summarise(predictions.by_level(CLIPS), vote)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert all(type(value) in (int, float) for value in summary.values())
    assert summary["track_accuracy"] == summary[f"track_accuracy_{vote}"]


def test_summary_follows_the_vote() -> None:
    """Two weak votes for the right genre against one strong vote for the wrong one."""
    clips = Predictions(
        np.array(["t1"] * 3 + ["t2"]),
        np.array([0, 0, 0, 1]),
        np.array([0, 0, 0, 1]),
        np.array(["t1"] * 3 + ["t2"]),
        np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0], [0.2, 0.8]]),
    )
    levels = predictions.by_level(clips)
    assert predictions.summarise(levels, "majority")["track_accuracy"] == 1.0
    assert predictions.summarise(levels, "mean")["track_accuracy"] == 0.5


def test_prediction_rows_show_the_vote_beside_the_probabilities() -> None:
    levels = predictions.by_level(CLIPS)
    chosen = replace(CLIPS, probabilities=CLIPS.probabilities[:, ::-1])
    rows = predictions.prediction_rows(levels["clip"], chosen, GENRES)
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
    row = predictions.probability_row(GENRES, np.array([1 / 3, 2 / 3], np.float32))
    assert row == {"p_a": "0.3333", "p_b": "0.6667"}
    assert list(row) == predictions.probability_columns(GENRES)
    with pytest.raises(ValueError, match="is longer"):
        predictions.probability_row(GENRES, np.ones(3))
