"""The figures of the report are those of metrics/, computed again from the tables."""

from typing import Any

import numpy as np
import pytest
from outcomes import Row, clip_rows, track_row

from pipeline.evaluation.predictions import VOTERS, by_level, vote_by_track
from pipeline.evaluation.summary import prediction_rows, summarise
from pipeline.pages.figures import Figures, read_figures

GENRES = ["blues", "jazz", "rock"]


def drawn(seed: int, tracks: int = 40) -> list[list[Row]]:
    """Clips of tracks in groups of two, with probabilities of four decimals."""
    rng = np.random.default_rng(seed)
    return [
        clip_rows(
            f"track {number}",
            GENRES[number % 3],
            GENRES,
            rng.dirichlet(1 + 2 * np.eye(3)[number % 3], 3).round(4).tolist(),
            fold=number % 4,
            group=f"group {number // 2}",
        )
        for number in range(tracks)
    ]


def figures_of(tracks: list[list[Row]], vote: str) -> tuple[Figures, dict[str, Any]]:
    """Figures from the tables that `evaluate` would write, and its summary."""
    clips = [row for track in tracks for row in track]
    levels = by_level(read_figures(clips, clips, by_clip=True).clips)
    voted = vote_by_track(levels["clip"], vote)
    rows = [
        {name: str(cell) for name, cell in row.items()}
        for row in prediction_rows(levels["mean"], voted, GENRES)
    ]
    return read_figures(rows, clips, by_clip=False), summarise(levels, vote)


@pytest.mark.parametrize("vote", VOTERS)
def test_figures_are_those_of_the_summary(vote: str) -> None:
    figures, summary = figures_of(drawn(0), vote)
    tracks, clips, f1, calibration, chance = figures.headline
    for card, level in ((tracks, "track"), (clips, "clip")):
        assert card.interval
        names = (f"{level}_accuracy_low", f"{level}_accuracy", f"{level}_accuracy_high")
        assert card.interval == pytest.approx([100 * summary[name] for name in names])
    assert f1.text == f"{summary['track_macro_f1']:.3f}"
    assert float(calibration.text) == pytest.approx(summary["track_calibration_error"], abs=0.001)
    assert chance.text == "35.0 %"  # 14 of 40 are blues
    by_rule = {each.label: each.value for each in figures.votes}
    assert by_rule == pytest.approx(
        {name: 100 * summary[f"track_accuracy_{name}"] for name in VOTERS}
    )


def test_the_matrix_counts_what_was_predicted() -> None:
    tracks = drawn(1)
    figures, _ = figures_of(tracks, "majority")
    confusion = figures.confusion()
    assert list(confusion) == ["tracks", "clips"]
    counted = np.zeros((3, 3), int)
    for row in (row for track in tracks for row in track):
        counted[GENRES.index(row["actual"]), GENRES.index(row["predicted"])] += 1
    assert confusion["clips"] == counted.tolist()
    assert np.sum(confusion["tracks"]) == len(tracks)
    right = np.trace(confusion["tracks"]) / len(tracks)
    assert figures.headline[0].text == f"{100 * right:.1f} %"


def test_a_tie_is_settled_as_it_was_recorded() -> None:
    """Four decimals make a tie; the column `predicted` knows better."""
    [clip] = clip_rows("a", "jazz", GENRES, [[0.4, 0.4, 0.2]])
    clips = [{**clip, "predicted": "jazz"}]
    assert read_figures([track_row(clips)], clips, by_clip=False).clips.correct.tolist() == [True]


def test_folds_by_clip_have_no_figures_of_tracks() -> None:
    rows = [row for track in drawn(2) for row in track]
    figures = read_figures(rows, rows, by_clip=True)
    assert [card.label for card in figures.headline][:2] == ["Clips right", "Macro F1"]
    assert list(figures.confusion()) == ["clips"]
    assert list(figures.calibration) == ["clip"]
