"""The figures of the report are those of metrics/, and each caveat has its cause."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomes import clips_of, write_outcome

from pipeline.base.files import TRACKS, write_csv
from pipeline.dataset.tracks import COLUMNS
from pipeline.evaluation.predictions import VOTERS, Predictions, by_level
from pipeline.evaluation.scores import reliability
from pipeline.evaluation.summary import accuracies, summarise
from pipeline.pages.figures import Figures, caveats
from pipeline.pages.report_page import read_run

GENRES = ["blues", "jazz", "rock"]
CLEAN: dict[str, Any] = {
    "protocol": "artist",
    "judged": "all",
    "known_artist_share": 1.0,
    "artists_kept": True,
    "genres_absent": 0,
    "genres_untrained": 0,
    "replica_groups": 0,
    "replicas_left_out": 0,
    "left_out": 0,
}


def drawn(tracks: int = 40) -> Predictions:
    """Three clips of each track, in groups of two tracks."""
    rng = np.random.default_rng(0)
    names = [f"track {number}" for number in range(tracks)]
    chances = [rng.dirichlet(1 + 2 * np.eye(3)[n % 3], 3).tolist() for n in range(tracks)]
    actual = {name: GENRES[number % 3] for number, name in enumerate(names)}
    groups = {name: f"group {number // 2}" for number, name in enumerate(names)}
    return clips_of(GENRES, dict(zip(names, chances, strict=True)), actual, groups)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with an empty table of tracks."""
    monkeypatch.chdir(tmp_path)
    write_csv(TRACKS, COLUMNS, [])


def figures_of(clips: Predictions, **recorded: Any) -> Figures:
    """Figures of what `evaluate` writes."""
    write_outcome(clips, **recorded)
    return read_run("music").figures


@pytest.mark.parametrize("vote", VOTERS)
def test_figures_are_those_of_the_predictions(vote: str) -> None:
    levels = by_level(drawn())
    summary = summarise(levels, vote)
    figures = figures_of(drawn(), vote=vote)
    tracks, clips, f1, calibration, chance = figures.headline
    for card, level in ((tracks, "track"), (clips, "clip")):
        assert card.interval
        values = (card.interval.low, card.interval.value, card.interval.high)
        names = (f"{level}_accuracy_low", f"{level}_accuracy", f"{level}_accuracy_high")
        assert values == pytest.approx([summary[name] for name in names], abs=1e-4)
    assert tracks.text == f"{100 * summary['track_accuracy']:.1f} %"
    assert f1.text == f"{summary['track_macro_f1']:.3f}"
    assert calibration.text == f"{summary['track_calibration_error']:.3f}"
    assert chance.text == "35.0 %"  # 14 of 40 are blues
    expected = {row["level"]: row["accuracy"] for row in accuracies(levels)}
    for estimate in figures.votes:
        assert estimate.value == pytest.approx(expected[estimate.label], abs=1e-4)
    assert [estimate.label for estimate in figures.votes] == list(VOTERS)
    for bins, level in zip(figures.calibration, ("mean", "clip"), strict=True):
        exact = reliability(levels[level].actual, levels[level].probabilities)
        assert [each.rows for each in bins] == [each.rows for each in exact]


def test_the_matrix_counts_what_was_predicted() -> None:
    figures = figures_of(drawn())
    assert list(figures.confusion) == ["tracks", "clips"]
    counted = np.zeros((3, 3), int)
    for actual, predicted in zip(drawn().actual, drawn().predicted, strict=True):
        counted[actual, predicted] += 1
    assert figures.confusion["clips"] == counted.tolist()
    assert np.sum(figures.confusion["tracks"]) == 40
    right = np.trace(figures.confusion["tracks"]) / 40
    assert figures.headline[0].text == f"{100 * right:.1f} %"


def test_the_mean_over_uneven_genres_is_a_card() -> None:
    chances = {name: [[0.8, 0.1, 0.1]] for name in "abcd"}
    actual = dict.fromkeys("abc", GENRES[0]) | {"d": GENRES[1]}
    cards = {
        card.label: card.text for card in figures_of(clips_of(GENRES, chances, actual)).headline
    }
    assert (cards["Tracks right"], cards["Balanced"]) == ("75.0 %", "50.0 %")


def test_a_tie_is_settled_as_it_was_recorded() -> None:
    """Four decimals make a tie; the column `predicted` knows better."""
    chances = {"a": [[0.4, 0.40000001, 0.19999999]], "b": [[0.0, 1.0, 0.0]]}
    clips = clips_of(GENRES, chances, {"a": "jazz", "b": "jazz"})
    assert figures_of(clips).clips.correct.tolist() == [True, True]


def test_a_clean_run_and_unknown_figures_give_no_caveat() -> None:
    files = {"files": 10, "rejected": 0, "truncated": 0}
    assert caveats(files, {"pairs_across_genres": 0}, CLEAN, {}) == []
    assert [caveat.grave for caveat in caveats({}, {}, {}, {})] == [True]  # no artist is known


@pytest.mark.parametrize(
    ("change", "text", "grave"),
    [
        ({"protocol": "clip"}, "say nothing about other music", True),
        ({"known_artist_share": 0.0}, "No artist is known", True),
        ({"artists_kept": False, "group": "album"}, "Songs of one album are on both sides", True),
        ({"artists_kept": False}, "Songs of one artist are on both sides", True),
        ({"known_artist_share": 0.25}, "known of 25% of the tracks", False),
        ({"genres_untrained": 1}, "In one case, a genre is tested that the fold's model", True),
        ({"genres_absent": 3}, "In 3 cases, a fold tests no track", False),
        ({"judged": "valid"}, "One part is judged, valid", False),
        ({"replica_groups": 1}, "1 recording is in the dataset more than once", False),
        ({"replicas_left_out": 4}, "4 tracks are left out of training", False),
        ({"genres_left_out": ["a", "b"]}, "Genres left out as small: a, b.", False),
        ({"left_out": 1}, "1 labelled track is left out by the protocol", False),
    ],
)
def test_folds_that_are_less_than_they_seem(change: Any, text: str, grave: bool) -> None:
    [caveat] = caveats({}, {}, {**CLEAN, **change}, {})
    assert text in caveat.text
    assert caveat.grave == grave


@pytest.mark.parametrize(("feature", "expected"), [("mel", 0), ("musicnn", 1)])
def test_a_pretrained_feature_may_know_the_recordings(feature: str, expected: int) -> None:
    extract = {"mel": {"n_fft": 512}, "musicnn": {"checkpoint": "MSD"}}
    parameters = {"feature": feature, "extract": {feature: extract[feature]}}
    found = caveats({}, {}, CLEAN, {"parameters": parameters})
    assert [each.grave and "(MSD), perhaps on some" in each.text for each in found] == [
        True
    ] * expected


def test_files_and_replicas_that_are_not_what_they_should_be() -> None:
    files = {"files": 10, "rejected": 2, "truncated": 0, "one channel": 1, "clipped": 3}
    grave, *others = caveats(files, {"pairs_across_genres": 1}, CLEAN, {})
    assert grave.grave
    assert grave.text.startswith("1 pair is the same recording under two genres")
    assert [caveat.text.partition(";")[0] for caveat in others] == [
        "2 of 10 files cannot be used",
        "Files are marked one channel (1), clipped (3)",
    ]
