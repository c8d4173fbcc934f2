"""One trained fold as a folder: its model, and what is known of how it came about.

This module's fingerprint is that of the code which determines the folder, and so part of its
address in the cache.
"""

from pathlib import Path

from models.fit import HISTORY, FoldTask, fit_fold
from pipeline.tables import rounded, write_csv, write_json

MODEL, CURVES, MACHINE, COST = "model.keras", "history.csv", "machine.json", "cost.json"


def write_fold(task: FoldTask, folder: Path, checkpoint: Path) -> None:
    """Train the fold, from the checkpoint on if there is one, and fill `folder`.

    `MODEL` is the model, `CURVES` a row of `HISTORY` for each epoch, `MACHINE` what it was trained
    with and `COST` how long that took.
    """
    fitted = fit_fold(task, folder / MODEL, checkpoint)
    rows = ({"epoch": epoch, **rounded(row)} for epoch, row in enumerate(fitted.history, 1))
    write_csv(folder / CURVES, ["epoch", *HISTORY], rows)
    facts = dict(task.description.training)
    del facts["seed"]
    write_json(folder / MACHINE, facts)
    write_json(folder / COST, {"seconds": round(fitted.seconds, 1)})
