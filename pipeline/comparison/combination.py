"""The mean of the probabilities that several revisions gave to the same tracks, judged as one.

Nothing is fitted: all revisions weigh the same. Each fold's test tracks were kept from training in
every one of the revisions, as their folds are the same, and so the mean has not seen them either.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pipeline.base.errors import PipelineError
from pipeline.base.tables import rounded
from pipeline.comparison.outcomes import outcomes_of
from pipeline.comparison.paired import Difference, gains
from pipeline.comparison.probabilities import Probable, read_clips
from pipeline.comparison.result import Comparison, compare_revisions
from pipeline.comparison.revisions import Revision, is_same_run, require_comparable
from pipeline.evaluation import scores
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.summary import SEED, Row, accuracies, prediction_rows

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
