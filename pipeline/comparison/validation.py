"""Which of several revisions to combine: chosen by their inner validation, never by the tests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.terminal import percent
from pipeline.comparison.histories import Epoch, read_histories
from pipeline.comparison.revisions import Revision

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
