"""The weighted mean of the probabilities that several revisions gave to the same tracks.

Each fold has weights of its own, which are learned from what the revisions' models predict for the
inner validation tracks of that fold, as in Wolpert's "Stacked generalization" (1992) with Breiman's
constraint (1996) that no weight is negative. The fold's test tracks play no part in that, and as
all revisions have the same folds, every one of their models was trained without them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.files import rounded
from pipeline.base.types import Array
from pipeline.evaluation import scores
from pipeline.evaluation.predictions import CLIP, Predictions, vote_by_track
from pipeline.evaluation.summary import Row, accuracies
from pipeline.runs.comparison import Comparison, Difference, compare_revisions, gains
from pipeline.runs.revisions import (
    Revision,
    is_same_run,
    read_clips,
    read_validation,
    require_comparable,
)

NAME = "combined"
LEAST_PROBABILITY = 5e-5  # half of the last decimal of those in a table
PRECISION = 1e-5  # nats of a track's log loss
WORTH = 0.5  # nats of all tracks together: see `learn_weights`


def learn_weights(chances: Array) -> Array:
    """Learn the weights of a mixture by log loss, and give none to a part that does not help.

    A useless part raises the log likelihood by half a nat on average, by chance alone (Wilks,
    1938: twice the rise is distributed as chi-squared with one degree of freedom). As long as there
    is a part whose removal costs no more, it gets none, and the others learn theirs anew.

    Parameters
    ----------
    chances : float array, shape (tracks, parts)
        Probability that each part gives to the actual genre of each track; above 0.

    Returns
    -------
    float array, shape (parts,)
        At least 0; they sum to 1.
    """
    parts = np.arange(chances.shape[1])
    weights = mixture_weights(chances)
    while len(parts) > 1:
        fewer = [np.delete(parts, place) for place in range(len(parts))]
        learned = [mixture_weights(chances[:, each]) for each in fewer]
        likelihoods = [
            _log_likelihood(chances[:, each], found)
            for each, found in zip(fewer, learned, strict=True)
        ]
        best = int(np.argmax(likelihoods))
        if _log_likelihood(chances[:, parts], weights) - likelihoods[best] > WORTH:
            break
        parts, weights = fewer[best], learned[best]
    return np.bincount(parts, weights, chances.shape[1])


def mixture_weights(chances: Array) -> Array:
    """The weights with the lowest log loss, to `PRECISION`, by expectation and maximisation.

    Dempster, Laird & Rubin (1977). The steps end by the bound of Cover (1984, "An algorithm for
    maximizing expected log investment return"): the log loss is above the lowest by no more than
    the largest of `gains` is above 1. Parameters and result are those of `learn_weights`.
    """
    weights = np.full(chances.shape[1], 1 / chances.shape[1])
    while True:
        gains = np.mean(chances / (chances @ weights)[:, np.newaxis], axis=0)
        if gains.max() - 1 <= PRECISION:
            return weights
        weights = weights * gains


def _log_likelihood(chances: Array, weights: Array) -> float:
    return float(np.log(chances @ weights).sum())


@dataclass(frozen=True)
class Weights:
    """The weights of the parts in each fold.

    Attributes
    ----------
    folds : int array, shape (folds,)
        Ascending.
    shares : float array, shape (folds, parts)
        At least 0; those of a fold sum to 1.
    tracks : int array, shape (folds,)
        How many tracks they were learned from; 0 where they are equal by choice.
    """

    folds: Array
    shares: Array
    tracks: Array

    def mean(self, predictions: Sequence[Predictions]) -> Predictions:
        """Weighted mean of the parts' probabilities for the same rows, and what it favours."""
        first = predictions[0]
        shares = self.shares[np.searchsorted(self.folds, first.folds)]
        mean = np.einsum("rp,prg->rg", shares, [each.probabilities for each in predictions])
        return replace(first, probabilities=mean, predicted=mean.argmax(axis=1))


def equal_weights(parts: Sequence[Revision]) -> Weights:
    """The same weight for every part."""
    folds = np.unique(parts[0].tracks.folds)
    shares = np.full((len(folds), len(parts)), 1 / len(parts))
    return Weights(folds, shares, np.zeros(len(folds), int))


def validated_weights(parts: Sequence[Revision]) -> Weights:
    """Weights that each fold learns from the inner validation tracks that all parts have in common.

    On these none of the fold's models was trained, though one that stopped early was chosen by
    them, which flatters it a little.

    Raises
    ------
    PipelineError
        The predictions for them are not at hand, or a fold has no such track.
    """
    validated = [vote_by_track(read_validation(part), "mean") for part in parts]
    folds = np.unique(parts[0].tracks.folds)
    chances = []
    for fold in folds:
        sides = [each.take(each.folds == fold) for each in validated]
        common = reduce(np.intersect1d, [side.track_ids for side in sides])
        if not len(common):
            raise PipelineError(
                f"{', '.join(part.name for part in parts)}: no track is in the inner validation of "
                f"all in fold {fold}; give them the same seed and train.validation, or use --equal"
            )
        sides = [side.take(np.isin(side.track_ids, common)) for side in sides]
        chances.append([side.probabilities[np.arange(len(side)), side.actual] for side in sides])
    floored = [np.maximum(np.transpose(each), LEAST_PROBABILITY) for each in chances]
    shares = np.stack([learn_weights(each) for each in floored])
    return Weights(folds, shares, np.array(list(map(len, floored))))


@dataclass(frozen=True)
class Combination:
    """The combined predictions beside those of each revision.

    Attributes
    ----------
    combined : Revision
        As if one run had predicted the mean probabilities, by which its tracks are judged.
    parts : list of Revision
        The revisions that were combined.
    weights : Weights
    comparison : Comparison
        Of `combined` with each of the parts.
    gains : list of Difference
        `combined` minus each of the parts.
    clips : list of dict
        Accuracy per clip and its 95 % interval, of `combined` and each of the parts; empty where
        the parts have no clips in common.
    no_clips : str
        Why `clips` is empty.
    """

    combined: Revision
    parts: list[Revision]
    weights: Weights
    comparison: Comparison
    gains: list[Difference]
    clips: list[Row]
    no_clips: str

    @property
    def best(self) -> int:
        """Number of the part with the highest accuracy."""
        return int(np.argmax([part.outcomes.correct.mean() for part in self.parts]))


def combine(parts: Sequence[Revision], *, equal: bool = False) -> Combination:
    """Combine revisions, and judge the result as `evaluate` judges one.

    Parameters
    ----------
    parts : sequence of Revision
    equal : bool
        Whether all of them weigh the same, instead of by the inner validation.

    Raises
    ------
    PipelineError
        There are fewer than two revisions, two of them are the same run, or their protocols,
        datasets, folds, genres or tracks differ; or `validated_weights` raises one.
    """
    _require_combinable(parts)
    weights = equal_weights(parts) if equal else validated_weights(parts)
    combined = _combined(parts, weights)
    clips, no_clips = _clips(parts, weights)
    return Combination(
        combined=combined,
        parts=list(parts),
        weights=weights,
        comparison=compare_revisions([combined, *parts], with_matrix=False),
        gains=gains(combined.outcomes, [part.outcomes for part in parts]),
        clips=clips,
        no_clips=no_clips,
    )


def _require_combinable(parts: Sequence[Revision]) -> None:
    if len(parts) < 2:
        raise PipelineError("name at least two revisions to combine")
    require_comparable(parts, "combine")
    for one, other in combinations(parts, 2):
        if is_same_run(one, other):
            raise PipelineError(f"{one.name} and {other.name} are the same run; name each run once")


def _combined(parts: Sequence[Revision], weights: Weights) -> Revision:
    tracks = weights.mean([part.tracks for part in parts])
    scored = tracks.actual, tracks.probabilities
    return Revision(
        name=NAME,
        commit="",
        parameters={
            key: " + ".join(dict.fromkeys(str(part.parameters[key]) for part in parts))
            for key in ("model", "feature")
        },
        seconds=sum(part.seconds for part in parts),
        split=parts[0].split,
        summary=rounded(
            {
                "track_macro_f1": scores.macro_f1(tracks.actual, tracks.predicted),
                "track_log_loss": scores.log_loss(*scored),
                "track_calibration_error": scores.expected_calibration_error(*scored),
            }
        ),
        tracks=tracks,
    )


def _clips(parts: Sequence[Revision], weights: Weights) -> tuple[list[Row], str]:
    """Accuracies per clip, or why there are none."""
    try:
        clips = read_clips(parts)
    except PipelineError as error:
        return [], str(error)
    sides = [weights.mean(clips), *clips]
    names = [NAME, *(part.name for part in parts)]
    return [
        {"revision": name, **accuracies({CLIP: side})[0]}
        for name, side in zip(names, sides, strict=True)
    ], ""


def as_json(combination: Combination) -> dict[str, Any]:
    """All of a combination, in types that JSON has."""
    comparison, weights = combination.comparison, combination.weights
    return {
        "protocol": comparison.protocol,
        "tracks": comparison.tracks,
        "groups": comparison.groups,
        "sides": [asdict(side) for side in comparison.sides],
        "best": combination.parts[combination.best].name,
        "gains": [
            {"over": part.name, **asdict(gain)}
            for part, gain in zip(combination.parts, combination.gains, strict=True)
        ],
        "clips": combination.clips,
        "validation_tracks": weights.tracks.tolist(),
        "weights": [
            {
                "revision": part.name,
                "mean": shares.mean(),
                "least": shares.min(),
                "most": shares.max(),
                "folds": shares.tolist(),
            }
            for part, shares in zip(combination.parts, weights.shares.T, strict=True)
        ],
    }
