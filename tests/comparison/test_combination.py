"""Combined predictions beside NumPy's mean, argmax and sums."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from repository import ACTUAL, FIGURES, GENRES, MAIN, Row, predictions, revision
from scipy import stats

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.evaluation.intervals import accuracy_interval, difference_interval
from pipeline.evaluation.summary import SEED
from pipeline.runs.combination import Combination, combine
from pipeline.runs.revisions import Probable, as_predictions, genres_of

NAMES = ("first", "second", "third")
ARTISTS = list("AABBCCDDEEFF")
TRUTH = np.array([GENRES.index(genre) for genre in ACTUAL])


def table(seed: int, fold: int = 0) -> tuple[list[Row], Array]:
    """Rows of a run that leans to the truth, voted otherwise here and there, and its probabilities.

    Probabilities have four decimals, as those that `evaluate` writes.
    """
    rng = np.random.default_rng(seed)
    chances = np.round(rng.dirichlet(np.ones(3), len(ACTUAL)), 4)
    chances[np.arange(len(ACTUAL)), TRUTH] += 0.25
    votes = [GENRES[number] for number in rng.permutation(chances.argmax(axis=1))]
    rows = predictions(votes, ARTISTS, fold)
    for row, values in zip(rows, chances, strict=True):
        row |= {f"p_{genre}": f"{value:.4f}" for genre, value in zip(GENRES, values, strict=True)}
    return rows, chances


def probable(name: str, rows: Sequence[Row], **labels: Any) -> Probable:
    """A revision with the probabilities in its rows."""
    cells = [{key: str(value) for key, value in row.items()} for row in rows]
    genres = genres_of(cells)
    tracks = as_predictions(cells, genres, "the file", name)
    return Probable(revision(name, rows, **labels), genres, tracks)


def combined(seeds: Sequence[int]) -> tuple[Combination, list[Probable], Array]:
    """What is combined of runs that the seeds draw, those runs, and their probabilities."""
    tables = [table(seed) for seed in seeds]
    parts = [
        probable(name, rows, model=f"model-{name}", seconds=seed)
        for seed, name, (rows, _) in zip(seeds, NAMES, tables, strict=False)
    ]
    return combine(parts), parts, np.stack([chances for _, chances in tables])


@pytest.mark.parametrize("seeds", [(0, 1), (2, 3, 4)])
def test_the_mean_is_judged_as_one_run(seeds: Sequence[int]) -> None:
    found, _, chances = combined(seeds)
    mean = chances.mean(axis=0)
    right = mean.argmax(axis=1) == TRUTH
    side = found.comparison.reference
    written = [[float(row[f"p_{genre}"]) for genre in GENRES] for row in found.rows]
    np.testing.assert_allclose(written, mean, rtol=0, atol=5.1e-5)
    assert side.accuracy == right.mean()
    assert (side.low, side.high) == accuracy_interval(right, np.array(ARTISTS), SEED)
    loss = -np.log(mean[np.arange(len(TRUTH)), TRUTH]).mean()
    assert side.summary["track_log_loss"] == pytest.approx(loss, abs=1e-4)
    assert side.seconds == sum(seeds)
    assert side.model == " + ".join(f"model-{name}" for name in NAMES[: len(seeds)])
    assert side.feature == "mel"


@pytest.mark.parametrize("seeds", [(0, 1), (2, 3, 4), (7, 8, 9)])
def test_gains_are_paired_with_each_run_as_its_vote_had_it(seeds: Sequence[int]) -> None:
    found, parts, chances = combined(seeds)
    after = chances.mean(axis=0).argmax(axis=1) == TRUTH
    p_values = []
    for part, gain in zip(parts, found.gains, strict=True):
        before = part.revision.outcomes.predicted == np.array(ACTUAL)
        gained, lost = (after & ~before).sum(), (before & ~after).sum()
        assert gain.difference == pytest.approx(after.mean() - before.mean())
        assert (len(gain.gained), len(gain.lost)) == (gained, lost)
        expected = difference_interval(before, after, np.array(ARTISTS), SEED)
        assert (gain.low, gain.high) == expected
        changed = int(gained + lost)
        p_values.append(stats.binomtest(int(gained), changed).pvalue if changed else 1.0)
        assert gain.p_value == pytest.approx(p_values[-1])
    order = np.argsort(p_values)
    steps = np.array(p_values)[order] * np.arange(len(order), 0, -1)
    holm = np.minimum(np.maximum.accumulate(steps), 1)
    np.testing.assert_allclose([found.gains[number].p_holm for number in order], holm)
    accuracies = [np.mean(part.revision.outcomes.right) for part in parts]
    assert accuracies[found.best] == max(accuracies)


def test_seeds_are_combined_one_by_one() -> None:
    """Of the protocols that train several seeds: the first seed of one run with that of another."""
    tables = [[table(10 * run + fold, fold) for fold in range(3)] for run in range(2)]
    rows = [[row for part, _ in run for row in part] for run in tables]
    found = combine(
        [
            probable(name, run[::-1], seconds=len(name))
            for name, run in zip(NAMES, rows, strict=False)
        ]
    )
    means = np.mean([[chances for _, chances in run] for run in tables], axis=0)
    right = means.argmax(axis=2) == TRUTH  # (seeds, tracks)
    side = found.comparison.reference
    assert side.seeds == 3
    np.testing.assert_allclose(found.combined.outcomes.correct, right.mean(axis=0))
    assert side.accuracy == pytest.approx(right.mean())
    consensus = means.mean(axis=0).argmax(axis=1) == TRUTH
    np.testing.assert_array_equal(found.combined.outcomes.right, consensus)


def test_rows_are_those_of_a_run() -> None:
    found, _, chances = combined((0, 1))
    row = found.rows[5]
    mean = chances.mean(axis=0)[5]
    assert list(row) == list(table(0)[0][0])
    assert (row["track_id"], row["actual"], row["group"]) == ("metal/05", "metal", "C")
    assert row["predicted"] == GENRES[mean.argmax()]
    assert [row[f"p_{genre}"] for genre in GENRES] == [f"{value:.4f}" for value in mean]


def with_genre(name: str) -> list[Row]:
    """Predictions of main with one more genre, that no track has."""
    return [{**row, f"p_{name}": 0.0} for row in predictions(MAIN)]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"split": {**FIGURES, "protocol": "artist"}}, "protocols differ, so .* to combine: song"),
        ({"split": {**FIGURES, "folds_digest": "e" * 64}}, "folds differ, so .* to combine: ffff"),
        ({"split": {**FIGURES, "dataset_digest": "c"}}, "datasets differ, so .* to combine: dddd"),
        ({"rows": predictions(MAIN)[1:]}, "main and other were tested on different tracks"),
        ({"rows": predictions(MAIN, fold=1)}, "main and other were tested on different tracks"),
        ({"rows": with_genre("jazz")}, "genres differ, .* rock in main, .* rock, jazz in other$"),
        ({}, "main and other are the same run; name each run once$"),
    ],
)
def test_what_cannot_be_combined_is_refused_in_one_line(
    other: dict[str, Any], message: str
) -> None:
    main = probable("main", predictions(MAIN))
    good = probable("good", predictions(MAIN), seconds=1.0)
    wrong = probable("other", **{"rows": predictions(MAIN), **other})
    for revisions in ([main, wrong], [main, good, wrong]):
        with pytest.raises(PipelineError, match=f"^{message}") as caught:
            combine(revisions)
        assert "\n" not in str(caught.value)
    with pytest.raises(PipelineError, match=r"^name at least two revisions to combine$"):
        combine([main])
