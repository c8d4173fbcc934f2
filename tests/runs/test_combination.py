"""Combined predictions beside NumPy's mean, argmax and sums; weights beside SciPy's optimiser."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from repository import ACTUAL, ARTISTS, FIGURES, GENRES, MAIN, Row, predictions, revision, table
from scipy.optimize import minimize
from scipy.special import softmax

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.evaluation.predictions import Predictions, predictions_of
from pipeline.evaluation.scores import accuracy_interval
from pipeline.runs import combination
from pipeline.runs.combination import WORTH, combine, learn_weights, mixture_weights
from pipeline.runs.comparison import differences, holm

TRUTH = np.array([GENRES.index(genre) for genre in ACTUAL])


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def drawn(seed: int, fold: int = 0) -> tuple[list[Row], Array]:
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


@pytest.mark.parametrize("seeds", [(0, 1), (2, 3, 4), (7, 8, 9)])
def test_the_mean_is_judged_as_one_run_and_gains_are_over_the_votes(seeds: Sequence[int]) -> None:
    tables = [drawn(seed) for seed in seeds]
    parts = [
        revision(str(seed), rows, commit="", model=f"model-{seed}", seconds=seed)
        for seed, (rows, _) in zip(seeds, tables, strict=True)
    ]
    found = combine(parts, equal=True)
    mean = np.mean([chances for _, chances in tables], axis=0)
    right = mean.argmax(axis=1) == TRUTH
    side = found.comparison.reference
    np.testing.assert_allclose(found.combined.tracks.probabilities, mean)
    np.testing.assert_array_equal(found.combined.outcomes.right, right)
    assert side.accuracy == right.mean()
    assert (side.low, side.high) == accuracy_interval(right, np.array(ARTISTS))
    loss = -np.log(mean[np.arange(len(TRUTH)), TRUTH]).mean()
    assert side.summary["track_log_loss"] == pytest.approx(loss, abs=1e-4)
    assert side.seconds == sum(seeds)
    assert side.model == " + ".join(f"model-{seed}" for seed in seeds)
    assert side.feature == "mel"
    alone = [differences(part.outcomes, [found.combined.outcomes])[0] for part in parts]
    p_values = holm([each.p_value for each in alone])
    assert found.gains == [replace(e, p_holm=p) for e, p in zip(alone, p_values, strict=True)]
    accuracies = [np.mean(part.tracks.predicted == TRUTH) for part in parts]
    assert accuracies[found.best] == max(accuracies)


def test_seeds_are_combined_one_by_one() -> None:
    """Of the protocols that train several seeds: the first seed of one run with that of another."""
    tables = [[drawn(10 * run + fold, fold) for fold in range(3)] for run in range(2)]
    rows = [[row for part, _ in run for row in part] for run in tables]
    found = combine(
        [revision(str(n), run, commit="", seed=n) for n, run in enumerate(rows)], equal=True
    )
    means = np.mean([[chances for _, chances in run] for run in tables], axis=0)
    right = means.argmax(axis=2) == TRUTH  # (seeds, tracks)
    side = found.comparison.reference
    assert side.seeds == 3
    np.testing.assert_allclose(found.combined.outcomes.correct, right.mean(axis=0))
    assert side.accuracy == pytest.approx(right.mean())
    consensus = means.mean(axis=0).argmax(axis=1) == TRUTH
    np.testing.assert_array_equal(found.combined.outcomes.right, consensus)


def test_runs_that_cannot_be_compared_are_not_combined() -> None:
    main = revision("main", predictions(MAIN))
    other = revision("other", predictions(MAIN), split={**FIGURES, "protocol": "artist"})
    expected = "^protocols differ, so there is nothing to combine: song in main, artist in other$"
    with pytest.raises(PipelineError, match=expected):
        combine([main, other])


# A part of a simulation: how sure it is of the actual genre, and how confident in what it says.
GOOD, FAIR, POOR, NOISE = (2.8, 1.3), (2.6, 1.1), (1.3, 1.6), (0.0, 1.5)


def simulated(parts: Sequence[tuple[float, float]], tracks: int, seed: int) -> tuple[Array, Array]:
    """Genres of tracks of which some are hard for all parts; probabilities, (parts, tracks, 10)."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(10, size=tracks)
    ease = np.maximum(rng.normal(1, 0.6, tracks), -0.3)
    shared = rng.normal(size=(tracks, 10))
    scores = []
    for sure, confidence in parts:
        score = 0.8 * shared + 0.6 * rng.normal(size=shared.shape)
        score[np.arange(tracks), actual] += sure * ease
        scores.append(confidence * score)
    return actual, softmax(scores, axis=2)


def chances_of(actual: Array, probabilities: Array) -> Array:
    """What the parts give to the actual genres, (tracks, parts)."""
    found: Array = probabilities[:, np.arange(len(actual)), actual].T
    return found


def lowest_loss(chances: Array) -> float:
    """The log loss of the best convex mixture, by SciPy's optimiser with constraints."""
    parts = chances.shape[1]
    found = minimize(
        lambda weights: -np.log(chances @ weights).mean(),
        np.full(parts, 1 / parts),
        bounds=[(0, 1)] * parts,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-12},
    )
    return float(found.fun)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("parts", [(GOOD, FAIR), (GOOD, FAIR, POOR, NOISE)])
def test_weights_have_the_lowest_log_loss_and_none_is_worth_too_little(
    parts: Sequence[tuple[float, float]], seed: int
) -> None:
    chances = chances_of(*simulated(parts, 60, seed))
    chances = np.column_stack([chances, chances[:, 0]])  # a duplicate
    weights = mixture_weights(chances)
    assert -np.log(chances @ weights).mean() == pytest.approx(lowest_loss(chances), abs=2e-5)
    learned = learn_weights(chances)
    assert learned.sum() == pytest.approx(1)
    assert 0.0 in learned[[0, -1]]  # of two that say the same, one is enough
    kept = np.flatnonzero(learned)
    loss = -np.log(chances @ learned).mean()
    assert loss == pytest.approx(lowest_loss(chances[:, kept]), abs=2e-5)
    dropped = chances.shape[1] - len(kept)
    assert 60 * (loss - lowest_loss(chances)) <= WORTH * dropped + 2e-3
    for part in kept if len(kept) > 1 else []:
        without = np.delete(chances, [part, *np.flatnonzero(learned == 0)], axis=1)
        assert 60 * (lowest_loss(without) - loss) > WORTH - 2e-3


@pytest.mark.parametrize(
    ("parts", "least_gain", "useless"),
    [((GOOD, FAIR, NOISE), 0.01, [2]), ((GOOD, POOR), -0.003, []), ((GOOD, NOISE), 0, [1])],
)
def test_a_mixture_is_not_worse_than_the_best_and_a_useless_part_gets_none(
    parts: Sequence[tuple[float, float]], least_gain: float, useless: Sequence[int]
) -> None:
    """Learned from as many tracks as a fold validates on, judged on many others."""
    gains = []
    for seed in range(20):
        weights = learn_weights(chances_of(*simulated(parts, 60, seed)))
        actual, probabilities = simulated(parts, 2000, 100 + seed)
        right = [(each.argmax(axis=1) == actual).mean() for each in probabilities]
        mixed = np.tensordot(weights, probabilities, 1).argmax(axis=1) == actual
        gains.append(mixed.mean() - max(right))
        assert not weights[useless].any()
    assert np.mean(gains) >= least_gain


def validated(rows: Sequence[tuple[str, int, float]]) -> Predictions:
    """Clips, each a track that is validated in a fold, and the probability of its genre, blues."""
    tracks, folds, chances = map(np.array, zip(*rows, strict=True))
    rest = (1 - chances) / 2
    return predictions_of(
        list(GENRES),
        tracks,
        np.column_stack([chances, rest, rest]),
        clips=np.zeros(len(rows), int),
        folds=folds,
        actual=np.zeros(len(rows), int),
    )


def test_a_fold_learns_from_its_own_tracks_that_all_parts_validated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under protocols that train several seeds, these are tracks that are drawn anew."""
    rows = [[row for fold in (0, 1) for row in drawn(2 * part + fold, fold)[0]] for part in (0, 1)]
    parts = [
        revision(name, each, commit="", model=name) for name, each in zip("ab", rows, strict=True)
    ]
    found = {
        "a": [("x", 0, 0.9), ("y", 0, 0.02), ("z", 0, 0.9), ("z", 1, 0.1)],
        "b": [("x", 0, 0.02), ("y", 0, 0.8), ("w", 0, 0.9), ("z", 1, 0.9)],
    }
    monkeypatch.setattr(combination, "read_validation", lambda each: validated(found[each.name]))
    combined = combine(parts)
    expected = np.stack([learn_weights(np.array([[0.9, 0.02], [0.02, 0.8]])), np.array([0, 1])])
    np.testing.assert_allclose(combined.weights.shares, expected)
    assert 0 < combined.weights.shares[0, 0] < 1
    np.testing.assert_array_equal(combined.weights.tracks, [2, 1])
    chances = [table(each).probabilities for each in rows]
    shares = expected[combined.combined.tracks.folds]
    mixed = [a * s + b * t for a, b, (s, t) in zip(*chances, shares, strict=True)]
    np.testing.assert_allclose(combined.combined.tracks.probabilities, mixed)
    found["b"] = [("z", 0, 0.9), ("y", 1, 0.9)]
    with pytest.raises(
        PipelineError, match=r"^a, b: no track is in .* of all in fold 1; give them"
    ):
        combine(parts)
