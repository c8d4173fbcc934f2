"""A comparison as a terminal shows it."""

import re
from dataclasses import replace

import pytest
from repository import (
    ACTUAL,
    ARTISTS,
    BETTER,
    GENRES,
    MAIN,
    WRONG,
    predictions,
    revision,
)

from pipeline.pages.terminal import BAR, MOST_CHANGED, bar, comparison_text, protocols_text
from pipeline.runs.comparison import Comparison, GenreChange, as_json, compare_revisions
from pipeline.runs.ranking import Entry

SUMMARY = {"track_accuracy": 0.6667, "track_macro_f1": 0.654}
REFERENCE = revision("main", predictions(MAIN), summary=SUMMARY)
TRIAL = revision("trial", predictions(BETTER), model="ann")


@pytest.fixture(scope="module")
def compared() -> Comparison:
    tagged = revision("v1", predictions(MAIN), summary=SUMMARY, feature="grey")
    return compare_revisions([REFERENCE, TRIAL, tagged])


def cells(shown: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in shown.splitlines()]


def test_text_shows_sides_difference_genres_and_tracks() -> None:
    shown = comparison_text(compare_revisions([REFERENCE, TRIAL]))
    rows = cells(shown)
    assert shown.splitlines()[0] == "12 tracks, split by song"
    [main] = [row for row in rows if row[0] == "main"]
    assert (main[2:6], main[-2:]) == (["cnn", "mel", "1", "66.7"], ["0.654", "-"])
    [difference] = [row for row in rows if row[0] == "trial minus main"]
    assert (difference[1], difference[3:]) == ("+25.0", ["4", "1", "0.375"])
    assert ["metal/05", "metal", "rock", "metal"] in rows
    assert ["turned right in trial: 4"] in rows
    assert ["blues", "4", "2", "3", "+1", "2", "1"] in rows
    assert "Holm" not in shown
    assert "row minus column" not in shown


def test_several_comparisons_have_corrected_p_values_and_aligned_columns(
    compared: Comparison,
) -> None:
    shown = comparison_text(compared)
    assert "Holm p: corrected for 2 comparisons with main" in shown
    [difference] = [row for row in cells(shown) if row[0] == "trial minus main"]
    assert difference[-2:] == ["0.375", "0.750"]
    table = shown.split("\n\n")[2].splitlines()
    starts = {line.index(re.findall("feature|mel|grey", line)[0]) for line in table}
    ends = {re.search(r"interval|\d to +\d+\.\d", line).end() for line in table}  # type: ignore[union-attr]
    assert len(table) == 4
    assert len(starts) == len(ends) == 1


def test_a_matrix_of_all_pairs_comes_first(compared: Comparison) -> None:
    assert comparison_text(compared).split("\n\n")[1].splitlines() == [
        "row minus column      1       2       3",
        "1 main                    -25.0    +0.0",
        "2 trial           +25.0           +25.0",
        "3 v1               +0.0   -25.0",
    ]


def test_a_difference_that_is_hardly_chance_is_marked_in_the_matrix() -> None:
    wrong = [revision(name, predictions(WRONG)) for name in "ab"]
    found = comparison_text(compare_revisions([*wrong, revision("right", predictions(ACTUAL))]))
    assert [row[0] for row in cells(found) if "+100.0*" in row] == ["3 right"]
    assert "* in the matrix: McNemar's p is below 0.05, with Holm's correction for all" in found


def test_parameters_that_differ_are_named() -> None:
    asked = {"models.cnn.epochs": 5, "models.cnn.filters": [4, 8], "augment.mode": "none"}
    before = revision("a", predictions(MAIN), **asked, seed=1)
    changed = {"models.cnn.epochs": 7, "models.cnn.filters": [4, 16]}
    after = revision("b", predictions(MAIN), **{**asked, **changed}, seed=1)
    shown = comparison_text(compare_revisions([before, after])).split("\n\n")[2].splitlines()
    assert [re.split(r"  +", line) for line in shown] == [
        ["parameter", "a", "b"],
        ["models.cnn.epochs", "5", "7"],
        ["models.cnn.filters", "[4,8]", "[4,16]"],
    ]
    assert "parameter" not in comparison_text(compare_revisions([before, before]))


def test_seeds_and_groups_are_explained() -> None:
    seeds = [row for fold in range(2) for row in predictions(MAIN, ARTISTS, fold)]
    shown = comparison_text(compare_revisions([revision("a", seeds), revision("b", seeds)]))
    assert "mean over seeds" in shown
    assert "12 tracks in 6 groups" in shown
    assert "bootstrap over groups. They show how much the result would vary with" in shown


def test_a_genre_that_gains_nothing_over_seeds_changes_by_0(compared: Comparison) -> None:
    """0.1 + 0.1 + 0.4 is not quite 0.1 + 0.4 + 0.1."""
    first, *rest = compared.differences
    blues = GenreChange("blues", 4, 0.1 + 0.1 + 0.4, 0.1 + 0.4 + 0.1, 1, 1)
    found = replace(compared, differences=[replace(first, genres=[blues]), *rest])
    shown = [row[:5] for row in cells(comparison_text(found))]
    assert ["blues", "4", "0.6", "0.6", "0"] in shown


def test_long_lists_are_cut_with_a_count(compared: Comparison) -> None:
    first, *rest = compared.differences
    many = first.gained * 5
    found = replace(compared, differences=[replace(first, gained=many), *rest])
    shown = comparison_text(found)
    assert f"turned right in trial: {len(many)}" in shown
    assert f"... and {len(many) - MOST_CHANGED} more" in shown
    assert len(as_json(found)["differences"][0]["gained"]) == len(many)


def test_control_characters_do_not_reach_the_terminal() -> None:
    steering = "\x1b[2J\n"
    names = {genre: f"{genre}{steering}" for genre in GENRES}
    names |= {f"p_{genre}": f"p_{genre}{steering}" for genre in GENRES}
    rows = [
        {names.get(key, key): names.get(value, value) for key, value in row.items()}
        | {"track_id": f"{row['track_id']}{steering}"}
        for row in predictions(MAIN)
    ]
    labels = {"model": steering, "feature": steering, "split": {"protocol": steering}}
    hostile = [revision(f"{name}{steering}", rows, **labels) for name in "abc"]
    harmless = [revision(name, predictions(MAIN)) for name in "abc"]
    shown, expected = (comparison_text(compare_revisions(each)) for each in (hostile, harmless))
    assert "\x1b" not in shown
    assert shown.count("\n") == expected.count("\n")


def entry(accuracy: float | None, low: float | None = None, high: float | None = None) -> Entry:
    return Entry("c", "d", "s", None, None, None, None, "track_accuracy", accuracy, low, high)


def test_bars_share_a_scale() -> None:
    assert bar(entry(0.5, 0.0, 1.0), 0, 1) == f"|{'-' * 15}o{'-' * 15}|"
    assert bar(entry(0.75, 0.5, 1.0), 0, 1) == f"{' ' * 16}|{'-' * 7}o{'-' * 7}|"
    assert bar(entry(None), 0, 1) == " " * BAR
    assert bar(entry(0.4, 0.4, 0.4), 0.4, 0.4).strip() == "o"


def test_the_lead_is_the_leaky_accuracy_minus_the_honest_one() -> None:
    leaky = {"protocol": "clip", "leaky_clip_accuracy": 0.75}
    song = {"protocol": "song", "clip_accuracy": 0.5, "track_accuracy": 0.6}
    rows = [
        {"judged": "all", "folds": 2, "tracks": 12, **row}
        for row in (leaky, {**song, "track_accuracy_low": 0.4, "track_accuracy_high": 0.8})
    ]
    header, first, second, lead = protocols_text(rows).splitlines()
    assert header.split()[:4] == ["protocol", "judged", "runs", "tracks"]
    assert first.split() == ["clip", "(leaks)", "all", "2", "12", "-", "-", "75.0"]
    assert second.split() == ["song", "all", "2", "12", "60.0", "40.0", "to", "80.0", "50.0"]
    assert lead == "clip (leaks) minus song: +25.0 points of clip accuracy"
    assert len(protocols_text(rows[1:]).splitlines()) == 2
