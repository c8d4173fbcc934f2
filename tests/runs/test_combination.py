"""Combined predictions beside NumPy's mean, argmax and sums."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repository import (
    ACTUAL,
    ARTISTS,
    FIGURES,
    GENRES,
    MAIN,
    WRONG,
    Row,
    predictions,
    revision,
    write_history,
)

from pipeline.base.errors import PipelineError
from pipeline.base.types import Array
from pipeline.evaluation.scores import accuracy_interval
from pipeline.runs import combination
from pipeline.runs.combination import Choice, choose, combine, validation_accuracy
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
    found = combine(parts)
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
    found = combine([revision(str(n), run, commit="", seed=n) for n, run in enumerate(rows)])
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


EPOCHS = [(0.9, 1.0), (0.2, 0.75), (0.3, 0.5)]


@pytest.mark.parametrize(("patience", "accuracy"), [(0, 0.5), (2, 0.75)])
def test_inner_validation_is_the_mean_over_folds_of_the_weights_that_were_kept(
    patience: int, accuracy: float
) -> None:
    write_history(Path(), EPOCHS, [(loss, right + 0.1) for loss, right in EPOCHS])
    run = revision("workspace", predictions(MAIN), commit="", **{"models.cnn.patience": patience})
    assert validation_accuracy(run) == pytest.approx(accuracy + 0.05)


@pytest.mark.parametrize(("within", "chosen"), [(0, "ad"), (4.9, "ad"), (5.1, "acd"), (99, "abcd")])
def test_those_near_the_best_inner_validation_are_chosen_in_their_order(
    within: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best by the test is the worst by the inner validation."""
    accuracies = {"a": 0.75, "b": 0.5, "c": 0.7, "d": 0.75}
    monkeypatch.setattr(combination, "validation_accuracy", lambda each: accuracies[each.name])
    predicted = {"a": MAIN, "b": ACTUAL, "c": MAIN, "d": WRONG}
    found = choose([revision(name, predictions(each)) for name, each in predicted.items()], within)
    assert found == Choice(accuracies, list(chosen))


@pytest.mark.parametrize(
    ("key", "ours", "theirs"), [("segment.seconds", 3, 1), ("train.validation", 0.1, 0.2)]
)
def test_inner_validations_of_other_clips_are_refused(key: str, ours: Any, theirs: Any) -> None:
    same = {"segment.seconds": 3, "train.validation": 0.1}
    main = revision("main", predictions(MAIN), **same)
    other = revision("other", predictions(MAIN), **{**same, key: theirs})
    expected = f"^--choose goes by the inner.*: {key} is {ours} in main, {theirs} in other$"
    with pytest.raises(PipelineError, match=expected):
        choose([main, other], 10)
