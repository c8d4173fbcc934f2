"""The mean of the probabilities that several revisions gave to the same tracks, judged as one.

Nothing is fitted: all revisions weigh the same. Each fold's test tracks were kept from training in
every one of the revisions, as their folds are the same, and so the mean has not seen them either.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pipeline.base.cli import percent
from pipeline.base.errors import PipelineError
from pipeline.base.files import rounded
from pipeline.evaluation import scores
from pipeline.evaluation.predictions import CLIP, Predictions
from pipeline.evaluation.summary import Row, accuracies, kept_accuracy
from pipeline.runs.comparison import Comparison, Difference, compare_revisions, gains
from pipeline.runs.revisions import (
    Revision,
    is_same_run,
    read_clips,
    read_histories,
    require_comparable,
)

NAME = "combined"
WITHIN = 10.0  # percentage points below the best, at most
# The inner validation parts differ with the second, and clips are counted by the first.
SAME = ("segment.seconds", "train.validation")


@dataclass(frozen=True)
class Choice:
    """Inner validation accuracy per clip of each revision, and which of them are good enough.

    Attributes
    ----------
    accuracies : dict of str to float
        By the revisions' names, in their order.
    chosen : list of str
        The names of those that are good enough, at least two.
    """

    accuracies: dict[str, float]
    chosen: list[str]


def choose(revisions: Sequence[Revision], within: float) -> Choice:
    """Choose the revisions whose inner validation is at most `within` points below the best.

    The test tracks play no part in the choice.

    Parameters
    ----------
    revisions : sequence of Revision
        Comparable ones.
    within : float
        In percentage points of accuracy per clip.

    Raises
    ------
    PipelineError
        `within` is negative, the inner validations cannot be compared, or only one is good enough.
    """
    if not within >= 0:
        raise PipelineError(f"--choose {within:g}: should be at least 0")
    first, *others = revisions
    for key, other in ((key, other) for key in SAME for other in others):
        ours, theirs = first.parameters.get(key), other.parameters.get(key)
        if ours != theirs:
            raise PipelineError(
                f"--choose goes by the inner validation per clip, which cannot be compared: {key} "
                f"is {ours} in {first.name}, {theirs} in {other.name}"
            )
    accuracies = {each.name: validation_accuracy(each) for each in revisions}
    best = max(accuracies, key=lambda name: accuracies[name])
    least = accuracies[best] - within / 100
    chosen = [name for name, accuracy in accuracies.items() if accuracy >= least]
    if len(chosen) == 1:
        raise PipelineError(
            f"only {best} is within {within:g} points of the best inner validation "
            f"({percent(accuracies[best])} %), so there is nothing to combine it with"
        )
    return Choice(accuracies, chosen)


def validation_accuracy(revision: Revision) -> float:
    """Inner validation accuracy per clip, between 0 and 1: the mean over folds.

    Raises
    ------
    PipelineError
        The revision has no complete metrics/history.csv.
    """
    patience = revision.parameters.get(f"models.{revision.model}.patience", 0)
    histories = read_histories(revision).values()
    return float(np.mean([kept_accuracy(each, patience) for each in histories]))


@dataclass(frozen=True)
class Combination:
    """The combined predictions beside those of each revision.

    Attributes
    ----------
    combined : Revision
        As if one run had predicted the mean probabilities, by which its tracks are judged.
    parts : list of Revision
        The revisions that were combined.
    comparison : Comparison
        Of `combined` with each of the parts.
    gains : list of Difference
        `combined` minus each of the parts.
    clips : list of dict
        Accuracy per clip and its 95 % interval, of `combined` and each of the parts; empty where
        the parts have no clips in common.
    no_clips : str
        Why `clips` is empty.
    choice : Choice or None
        How the parts were chosen; None if all revisions were combined.
    """

    combined: Revision
    parts: list[Revision]
    comparison: Comparison
    gains: list[Difference]
    clips: list[Row]
    no_clips: str
    choice: Choice | None

    @property
    def best(self) -> int:
        """Number of the part with the highest accuracy."""
        return int(np.argmax([part.outcomes.correct.mean() for part in self.parts]))


def combine(parts: Sequence[Revision], within: float | None = None) -> Combination:
    """Combine revisions, and judge the result as `evaluate` judges one.

    Parameters
    ----------
    parts : sequence of Revision
    within : float, optional
        Combine only those that `choose` chooses.

    Raises
    ------
    PipelineError
        There are fewer than two revisions, two of them are the same run, or their protocols,
        datasets, folds, genres or tracks differ; or `choose` raises one.
    """
    _require_combinable(parts)
    choice = None
    if within is not None:
        choice = choose(parts, within)
        parts = [part for part in parts if part.name in choice.chosen]
    combined = _combined(parts)
    clips, no_clips = _clips(parts)
    return Combination(
        combined=combined,
        parts=list(parts),
        comparison=compare_revisions([combined, *parts], with_matrix=False),
        gains=gains(combined.outcomes, [part.outcomes for part in parts]),
        clips=clips,
        no_clips=no_clips,
        choice=choice,
    )


def _require_combinable(parts: Sequence[Revision]) -> None:
    if len(parts) < 2:
        raise PipelineError("name at least two revisions to combine")
    require_comparable(parts, "combine")
    for one, other in combinations(parts, 2):
        if is_same_run(one, other):
            raise PipelineError(f"{one.name} and {other.name} are the same run; name each run once")


def mean_predictions(predictions: Sequence[Predictions]) -> Predictions:
    """The mean of the probabilities for the same rows, and the genres that it favours."""
    mean = np.mean([each.probabilities for each in predictions], axis=0)
    return replace(predictions[0], probabilities=mean, predicted=mean.argmax(axis=1))


def _combined(parts: Sequence[Revision]) -> Revision:
    tracks = mean_predictions([part.tracks for part in parts])
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


def _clips(parts: Sequence[Revision]) -> tuple[list[Row], str]:
    """Accuracies per clip, or why there are none."""
    try:
        clips = read_clips(parts)
    except PipelineError as error:
        return [], str(error)
    sides = [mean_predictions(clips), *clips]
    names = [NAME, *(part.name for part in parts)]
    return [
        {"revision": name, **accuracies({CLIP: side})[0]}
        for name, side in zip(names, sides, strict=True)
    ], ""


def as_json(combination: Combination) -> dict[str, Any]:
    """All of a combination, in types that JSON has."""
    comparison, choice = combination.comparison, combination.choice
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
        "inner_validation": choice.accuracies if choice else {},
    }
