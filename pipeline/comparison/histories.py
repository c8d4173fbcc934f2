"""How the folds of a revision trained, epoch by epoch."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from pipeline.base.errors import PipelineError
from pipeline.comparison.recorded import (
    HISTORIES,
    SCORES,
    parse_object,
    parse_table,
    require_one_run,
)
from pipeline.comparison.revisions import Revision, read_recorded

COLUMNS = ("accuracy", "val_accuracy", "val_loss")

Epoch = dict[str, float]
Histories = dict[str, list[Epoch]]  # by the fold


def whole_histories(revisions: Sequence[Revision]) -> dict[str, Histories]:
    """The histories of each revision that has them all, by its name."""
    found = {}
    for revision in revisions:
        with suppress(PipelineError):
            found[revision.name] = read_histories(revision)
    return found


def read_histories(revision: Revision) -> Histories:
    """The epochs of each fold, with the values named in `COLUMNS`.

    Raises
    ------
    PipelineError
        The revision has no complete metrics/history.csv, it is of another run, or a value in it is
        not a number.
    """
    contents = read_recorded(revision.commit, [HISTORIES, SCORES], revision.name)
    content = contents[HISTORIES]
    scores = parse_object(SCORES, contents[SCORES], revision.name)
    if HISTORIES in scores["sha256"]:  # runs of older versions did not record its digest
        require_one_run(scores, {HISTORIES: content}, revision.name)
    folds: dict[str, list[Epoch]] = defaultdict(list)
    for row in parse_table(HISTORIES, content, ("fold", *COLUMNS), revision.name):
        try:
            folds[row["fold"]].append({name: float(row[name]) for name in COLUMNS})
        except (TypeError, ValueError):  # None where a row is cut short
            raise PipelineError(
                f"{HISTORIES} of {revision.name} has a value that is not a number; run `dvc repro` "
                "there"
            ) from None
    if len(folds) != revision.split["folds"]:
        raise PipelineError(
            f"{HISTORIES} of {revision.name} covers {len(folds)} of its "
            f"{revision.split['folds']} folds; run `dvc repro` there"
        )
    return dict(folds)
