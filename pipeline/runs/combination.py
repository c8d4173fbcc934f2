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
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.summary import SEED, Row, accuracies, prediction_rows
from pipeline.runs.comparison import Comparison, Difference, compare_revisions, gains
from pipeline.runs.revisions import (
    Epoch,
    Probable,
    Revision,
    is_same_run,
    outcomes_of,
    read_clips,
    read_histories,
    require_comparable,
)

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
    for key in SAME:
        _require_same(revisions, key)
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
    histories = read_histories(revision)
    patience = revision.parameters.get(f"models.{revision.model}.patience", 0)
    return float(np.mean([kept_accuracy(each, patience) for each in histories.values()]))


def kept_accuracy(history: Sequence[Epoch], patience: int) -> float:
    """Inner validation accuracy of the weights that were kept: the best epoch's, or the last's.

    Parameters
    ----------
    history : sequence of mappings
        One for each epoch of a fold, in their order.
    patience : int
        Of the training; 0 for one that does not stop early.
    """
    kept = min(history, key=lambda row: row["val_loss"]) if patience else history[-1]
    return kept["val_accuracy"]


def _require_same(revisions: Sequence[Revision], key: str) -> None:
    first, *others = revisions
    ours = first.parameters.get(key)
    for other in others:
        theirs = other.parameters.get(key)
        if theirs != ours:
            raise PipelineError(
                f"--choose goes by the inner validation per clip, which cannot be compared: {key} "
                f"is {ours} in {first.name}, {theirs} in {other.name}"
            )


NAME = "combined"


@dataclass(frozen=True)
class Combination:
    """The combined predictions beside those of each revision.

    Attributes
    ----------
    combined : Revision
        As if one run had predicted the mean probabilities, by which its tracks are judged.
    rows : list of dict
        Its rows of metrics/predictions.csv.
    parts : list of Revision
        What was combined.
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
    rows: list[Row]
    parts: list[Revision]
    comparison: Comparison
    gains: list[Difference]
    clips: list[Row]
    no_clips: str

    @property
    def best(self) -> int:
        """Number of the part with the highest accuracy."""
        return int(np.argmax([part.outcomes.correct.mean() for part in self.parts]))


def combine(parts: Sequence[Probable]) -> Combination:
    """Combine revisions, and judge the result as `evaluate` judges one.

    Raises
    ------
    PipelineError
        They cannot be combined; see `require_combinable`.
    """
    require_combinable(parts)
    revisions = [part.revision for part in parts]
    found = mean_predictions([part.tracks for part in parts])
    rows = prediction_rows(found, found, parts[0].genres)
    combined = _combined(revisions, found, rows)
    clips, no_clips = _clips(parts)
    return Combination(
        combined=combined,
        rows=rows,
        parts=revisions,
        comparison=compare_revisions([combined, *revisions], with_matrix=False),
        gains=gains(combined.outcomes, [each.outcomes for each in revisions], SEED),
        clips=clips,
        no_clips=no_clips,
    )


def require_combinable(parts: Sequence[Probable]) -> None:
    """Refuse what cannot be combined.

    Raises
    ------
    PipelineError
        There are fewer than two revisions, two of them are the same run, or their protocols,
        datasets, folds, tracks or genres differ.
    """
    if len(parts) < 2:
        raise PipelineError("name at least two revisions to combine")
    require_comparable([part.revision for part in parts], "combine")
    for one, other in combinations(parts, 2):
        names = one.revision.name, other.revision.name
        if one.genres != other.genres:
            raise PipelineError(
                f"genres differ, so there is nothing to combine: {', '.join(one.genres)} in "
                f"{names[0]}, {', '.join(other.genres)} in {names[1]}"
            )
        if is_same_run(one.revision, other.revision):
            raise PipelineError(f"{names[0]} and {names[1]} are the same run; name each run once")


def mean_predictions(predictions: Sequence[Predictions]) -> Predictions:
    """The mean of the probabilities for the same rows."""
    mean = np.mean([each.probabilities for each in predictions], axis=0)
    return replace(predictions[0], probabilities=mean)


def as_json(combination: Combination) -> dict[str, Any]:
    """All of a combination, in types that JSON has."""
    comparison = combination.comparison
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
    }


def _combined(parts: Sequence[Revision], found: Predictions, rows: Sequence[Row]) -> Revision:
    """The revision whose predictions are the means, as arrays and as rows, of those of `parts`."""
    scored = found.actual, found.probabilities
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
                "track_macro_f1": scores.macro_f1(*scored),
                "track_log_loss": scores.log_loss(*scored),
                "track_calibration_error": scores.expected_calibration_error(*scored),
            }
        ),
        outcomes=outcomes_of(rows),
    )


def _clips(parts: Sequence[Probable]) -> tuple[list[Row], str]:
    """Accuracies per clip, or why there are none."""
    try:
        found = read_clips(parts)
    except PipelineError as error:
        return [], str(error)
    names = [NAME, *(part.revision.name for part in parts)]
    sides = [mean_predictions(found), *found]
    return [
        {"revision": name, **accuracies({"clip": side})[0]}
        for name, side in zip(names, sides, strict=True)
    ], ""
