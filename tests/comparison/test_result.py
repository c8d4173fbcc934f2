"""Revisions side by side, beside the intervals of their own."""

import json

import numpy as np
import pytest
from repository import ACTUAL, ARTISTS, BETTER, MAIN, predictions, revision

from pipeline.evaluation.intervals import accuracy_interval, difference_interval
from pipeline.runs.comparison import as_json, compare_revisions

RIGHT = {name: np.array(names) == ACTUAL for name, names in (("main", MAIN), ("better", BETTER))}
SEEDS = revision("seeds", [row for fold in range(3) for row in predictions(MAIN, ARTISTS, fold)])
BETTER_SEEDS = revision(
    "better seeds",
    predictions(MAIN, ARTISTS) + predictions(BETTER, ARTISTS, 1) + predictions(BETTER, ARTISTS, 2),
)


def test_sides_and_difference_by_hand() -> None:
    main = revision("main", predictions(MAIN), commit="abc1234", summary={"tracks": 12})
    better = revision("better", predictions(BETTER), commit="", model="ann")
    found = compare_revisions([main, better])
    assert (found.protocol, found.tracks, found.groups) == ("song", 12, 12)
    assert found.sides == [found.reference, *found.others]
    [side] = found.others
    assert (found.reference.name, found.reference.commit) == ("main", "abc1234")
    assert (side.name, side.commit, side.model, side.feature) == ("better", "", "ann", "mel")
    assert found.reference.summary == {"tracks": 12}
    for each in found.sides:
        assert each.accuracy == pytest.approx(RIGHT[each.name].mean())
        assert (each.low, each.high) == accuracy_interval(RIGHT[each.name], np.arange(12), 0)
    [difference] = found.differences
    assert difference.difference == pytest.approx(3 / 12)
    assert (difference.low, difference.high) == difference_interval(
        RIGHT["main"], RIGHT["better"], np.arange(12), 0
    )
    assert difference.p_value == difference.p_holm == pytest.approx(2 * 6 / 2**5)


def test_several_are_each_compared_with_the_first_and_corrected() -> None:
    main, better = revision("main", predictions(MAIN)), revision("better", predictions(BETTER))
    found = compare_revisions([main, better, better, main])
    plain = [each.p_value for each in found.differences]
    assert [each.p_holm for each in found.differences] == pytest.approx(
        [min(1, 3 * plain[0]), min(1, 3 * plain[1]), 1]
    )
    assert found.differences[2].difference == 0
    assert found.differences[2].low < 0 < found.differences[2].high


def test_seeds_are_averaged_and_artists_drawn_together() -> None:
    found = compare_revisions([SEEDS, BETTER_SEEDS])
    [side] = found.others
    assert side.seeds == 3
    assert side.accuracy == pytest.approx((8 + 2 * 11) / 36)
    assert (found.tracks, found.groups) == (12, 6)
    [difference] = found.differences
    mean = (RIGHT["main"] + 2.0 * RIGHT["better"]) / 3
    expected = difference_interval(RIGHT["main"], mean, np.array(ARTISTS), 0)
    assert (difference.low, difference.high) == pytest.approx(expected)
    assert [track.track_id for track in difference.lost] == ["blues/02"]  # by mean probability


def test_json_reads_back_as_it_was() -> None:
    content = as_json(compare_revisions([SEEDS, BETTER_SEEDS]))
    assert json.loads(json.dumps(content)) == content
    assert content["reference"] == "seeds"
    assert [side["name"] for side in content["sides"]] == ["seeds", "better seeds"]
    assert [each["revision"] for each in content["differences"]] == ["better seeds"]
