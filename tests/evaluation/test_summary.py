"""The figures and rows of the tables in metrics/."""

import json
from math import log
from statistics import stdev
from typing import Any

import numpy as np
import pytest

from pipeline.base.errors import PipelineError
from pipeline.base.files import rounded
from pipeline.evaluation.predictions import (
    VOTERS,
    Predictions,
    by_level,
    predictions_of,
    vote_by_track,
)
from pipeline.evaluation.scores import accuracy_interval, expected_calibration_error
from pipeline.evaluation.summary import (
    CURVES,
    fold_scores,
    headline,
    kept_accuracy,
    mean_curves,
    parse_histories,
    summarise,
    summarise_leaky,
)

# One fold is right about 3 of 4 clips and 1 of 2 tracks, the other about all.
CLIPS = predictions_of(
    ["a", "b"],
    np.array(["t1", "t1", "t2", "t2", "t3", "t4"]),
    np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.75, 0.25], [0.25, 0.75]]),
    clips=np.array([0, 1, 0, 1, 0, 0]),
    actual=np.array([0, 0, 1, 1, 0, 1]),
    folds=np.array([0, 0, 0, 0, 1, 1]),
    groups=np.array(["one", "one", "one", "one", "t3", "t4"]),
)


def test_fold_scores_by_hand() -> None:
    first = -np.log([0.9, 0.6, 0.2, 0.7]).mean()
    assert [[*rounded(row).values()] for row in fold_scores({"clip": CLIPS})] == [
        [0, "clip", 0.75, round((0.8 + 2 / 3) / 2, 4), round(float(first), 4)],
        [1, "clip", 1.0, 1.0, round(-log(0.75), 4)],
    ]


def test_summary_by_hand() -> None:
    """The clips of t2 disagree, and their mean, 0.55 to 0.45, is wrong, as is their product.

    Accuracies pool all rows, whatever the size of a fold; deviations are those of the folds.
    """
    summary = summarise(by_level(CLIPS), "majority")
    tracks, clips = [0.5, 1.0], [0.75, 1.0]
    track_low, track_high = accuracy_interval(np.array([1, 0, 1, 1]), CLIPS.groups[[0, 2, 4, 5]])
    clip_low, clip_high = accuracy_interval(np.array([1, 1, 0, 1, 1, 1]), CLIPS.groups)
    errors = {
        f"track_calibration_error_{vote}": expected_calibration_error(
            voted.actual, voted.probabilities
        )
        for vote in VOTERS
        for voted in [vote_by_track(CLIPS, vote)]
    }
    assert rounded(summary) == rounded(errors) | {
        "track_accuracy": 3 / 4,
        "track_accuracy_low": round(track_low, 4),
        "track_accuracy_high": round(track_high, 4),
        "clip_accuracy_low": round(clip_low, 4),
        "clip_accuracy_high": round(clip_high, 4),
        "track_calibration_error": round((3 * 0.25 + 0.55) / 4, 4),  # 0.75 is right three times
        "clip_calibration_error": round((0.1 + 0.4 + 0.3 + 0.3) / 6, 4),
        "track_accuracy_std": round(stdev(tracks), 4),
        "track_macro_f1": round((0.8 + 2 / 3) / 2, 4),
        "track_balanced_accuracy": 0.75,
        "clip_balanced_accuracy": round((1 + 2 / 3) / 2, 4),
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


@pytest.mark.parametrize(("vote", "accuracy"), [("majority", 1.0), ("mean", 0.5), ("product", 0.5)])
def test_the_summary_follows_the_vote_and_is_one_flat_json_object(
    vote: str, accuracy: float
) -> None:
    """Two weak votes for the right genre against one strong vote for the wrong one."""
    clips = predictions_of(
        ["a", "b"],
        np.array(["t1"] * 3 + ["t2"]),
        np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0], [0.2, 0.8]]),
        clips=np.array([0, 1, 2, 0]),
        folds=np.array([0, 0, 0, 1]),
        actual=np.array([0, 0, 0, 1]),
    )
    summary = summarise(by_level(clips), vote)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert all(type(value) in (int, float) for value in summary.values())
    assert summary["track_accuracy"] == summary[f"track_accuracy_{vote}"] == accuracy


def test_tracks_and_clips_that_several_seeds_test_are_counted_once() -> None:
    columns = ("track_ids", "probabilities", "clips", "groups", "actual")
    repeated = {name: np.concatenate([getattr(CLIPS, name)] * 3) for name in columns}
    seeds = predictions_of(CLIPS.genres, **repeated, folds=np.repeat([0, 1, 2], 6))
    summary = summarise(by_level(seeds), "majority")
    assert (summary["tracks"], summary["clips"]) == (4, 6)


def test_leaky_figures_are_those_of_clips_under_other_names() -> None:
    summary = summarise(by_level(CLIPS), "majority")
    leaky = summarise_leaky(CLIPS)
    of_clips = {name: value for name, value in summary.items() if name.startswith("clip")}
    assert len(of_clips) == 9
    assert leaky == {f"leaky_{name}": value for name, value in of_clips.items()}


HISTORY = "fold,epoch,loss,accuracy,val_loss,val_accuracy\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HISTORY.encode(), ": no rows"),
        (b"fold,epoch,loss\n0,1,2\n", ": no column 'accuracy'"),
        (f"{HISTORY}0,1,1,1,1\n".encode(), " has a value that is not a number"),
        (f"{HISTORY}0,1,1,1,1,half\n".encode(), " has a value that is not a number"),
        (b"\xff", ".*can't decode"),
    ],
)
def test_a_damaged_history_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(PipelineError, match=f"^the history{message}.*; do this$"):
        parse_histories(content, "the history", "do this")


def history(*values: float) -> list[dict[str, float]]:
    return [dict.fromkeys(CURVES.values(), value) for value in values]


def test_a_fold_that_stopped_stays_in_the_mean_at_its_last_value() -> None:
    """The best fold trains longest: without the others the curve would jump to it."""
    curves = mean_curves({0: history(0.2, 0.4), 1: history(0.4), 2: history(0.6, 0.8, 0.9)})
    assert [row["epoch"] for row in curves] == [1, 2, 3]
    assert [row["folds"] for row in curves] == [3, 2, 1]
    for column in CURVES:
        assert [row[column] for row in curves] == pytest.approx([1.2 / 3, 1.6 / 3, 1.7 / 3])


GENRES = ["blues", "metal", "pop", "rock"]  # nothing of pop is tested
ACTUAL = [0, 0, 0, 0, 1, 1, 1, 1, 3, 3]
PREDICTED = [0, 0, 0, 1, 3, 3, 0, 1, 3, 3]
SPLIT = {"protocol": "song", "judged": "all", "folds": 10, "tracks": 10}
SPLIT |= {"group": "artist", "artists_kept": False, "known_artist_share": 1.0}
BOUNDS = {"track_accuracy_low": 0.45, "track_accuracy_high": 0.8751}
SUMMARY = {"track_accuracy": 0.6, **BOUNDS, "track_accuracy_mean": 0.5, "tracks": 10}
SUMMARY |= {"track_balanced_accuracy": 0.60004}


def predictions(predicted: list[int], genres: list[str]) -> Predictions:
    ids = np.array([f"t{number}" for number in range(10)])
    return predictions_of(genres, ids, np.eye(4)[predicted], actual=np.array(ACTUAL))


def lines(
    predicted: list[int] = PREDICTED,
    summary: dict[str, Any] = SUMMARY,
    genres: list[str] = GENRES,
    vote: str = "mean",
    comparable: bool = True,
    **split: Any,
) -> list[str]:
    parts = predictions(predicted, genres), {**SPLIT, **split}, "cnn on mel", vote
    return headline(summary, *parts, comparable=comparable).split("\n")


def test_five_lines_by_hand() -> None:
    assert lines()[:4] == [
        "accuracy of tracks: 60.0 % (95 % interval: 45.0 to 87.5), by the mean of their clips",
        "of 10 tracks, split by song (10 folds); cnn on mel",
        "artists are on both sides of the folds: `dvc exp run -S split.protocol=artist` judges new "
        "ones",
        "best genre: rock, 2 of 2 right; worst: metal, 1 of 4 right; most confused: metal taken "
        "for rock (2)",
    ]
    assert len(lines()) == 5
    compare = "`python -m pipeline.compare HEAD`, "
    assert compare in lines()[4]
    assert lines(comparable=False)[4] == lines()[4].replace(compare, "")
    assert lines(ACTUAL)[3].endswith("most confused: nothing")
    seeds = lines(protocol="filtered", judged="test", folds=3, tracks=900)
    assert seeds[1] == "of 10 tracks, split by filtered (3 seeds, test part); cnn on mel"


def test_another_vote_stands_beside_that_of_predictions() -> None:
    assert lines(vote="majority")[0].endswith(
        ", by the majority of their clips (50.0 % by their mean, which `predict` goes by)"
    )


def test_the_mean_over_uneven_genres_stands_beside_the_accuracy() -> None:
    line = lines(summary={**SUMMARY, "track_balanced_accuracy": 0.4})[0]
    assert line.endswith(" of their clips; mean over the genres: 40.0 %")


@pytest.mark.parametrize(("low", "chance"), [(0.3999, True), (0.4, True), (0.4001, False)])
def test_what_may_be_chance_is_called_so(low: float, chance: bool) -> None:
    line = lines(summary={**SUMMARY, "track_accuracy_low": low})[0]
    assert line.endswith("always naming the commonest genre, blues (40.0 %)") is chance


@pytest.mark.parametrize(
    ("split", "text"),
    [
        ({"known_artist_share": 0}, "no artist is known: with a column artist in metadata.csv, sp"),
        ({"group": "album"}, "albums are on both sides of the folds: `dvc exp run -S split.prot"),
        ({"artists_kept": True}, "every artist is on one side of the folds, so those that are te"),
    ],
)
def test_a_line_says_on_which_sides_artists_are(split: dict[str, Any], text: str) -> None:
    assert lines(**split)[2].startswith(text)
    some = lines(**{"known_artist_share": 0.93, **split})[2]
    assert some.endswith("; it is unknown of 7.0 % of the tracks") is ("artists_kept" in split)


def test_a_leak_is_not_called_an_accuracy_of_tracks() -> None:
    leaky = {f"leaky_clip_accuracy{end}": 0.9 for end in ("", "_low", "_high")}
    first, second, *_ = lines(summary={**leaky, "leaky_clips": 20}, protocol="clip")
    assert first.startswith("leaky accuracy of clips: 90.0 %")
    assert first.endswith("says nothing about new music")
    assert second == "of 10 tracks, split by clip (10 folds); cnn on mel"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J"])
def test_names_of_genres_do_not_reach_the_terminal_as_they_are(name: str) -> None:
    found = lines(genres=[name, name, name, name])
    assert len(found) == 5
    assert "\x1b" not in "".join(found)


@pytest.mark.parametrize(("patience", "accuracy"), [(0, 0.5), (2, 0.75)])
def test_the_accuracy_of_a_fold_is_that_of_the_weights_that_were_kept(
    patience: int, accuracy: float
) -> None:
    epochs = [(0.9, 1.0), (0.2, 0.75), (0.3, 0.5)]
    history = [dict(zip(("val_loss", "val_accuracy"), epoch, strict=True)) for epoch in epochs]
    assert kept_accuracy(history, patience) == accuracy
