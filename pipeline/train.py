"""Stage: train the chosen model on every fold, and write the models to data/models."""

from collections.abc import Sequence
from typing import Any

from pipeline.base.entry import command_line, run_stage
from pipeline.base.paths import FEATURE_STORES, METRICS, TRAINED
from pipeline.base.tables import rounded, write_csv, write_json
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.store.build import replacing_folder
from pipeline.store.cache import link
from pipeline.training.cross_validation import train_folds
from pipeline.training.experiment import read_experiment
from pipeline.training.fitting import HISTORY
from pipeline.training.record import MODEL, read_record
from pipeline.training.tasks import make_tasks

MACHINES = METRICS / "training.json"


def merge_facts(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Facts about the machines that trained; where they differ, all of the values."""
    merged = {}
    for name in facts[0]:
        values = list(dict.fromkeys(each[name] for each in facts))
        merged[name] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    return merged


def main() -> None:
    """Train the model that params.yaml names on every fold."""
    command_line(__doc__).parse_args()
    experiment = read_experiment()
    tracks = read_folds()
    clips = load_labelled(FEATURE_STORES / experiment.feature, tracks)
    tasks = make_tasks(experiment, tracks, clips)
    with replacing_folder(TRAINED) as trained:
        folders = train_folds(tasks)
        records = [read_record(folder) for folder in folders]
        for task, folder, record in zip(tasks, folders, records, strict=True):
            path = trained / f"fold-{task.description.fold}.keras"
            link(folder / MODEL, path)
            rows = ({"epoch": epoch, **rounded(row)} for epoch, row in enumerate(record.history, 1))
            write_csv(path.with_suffix(".csv"), ["epoch", *HISTORY], rows)
    write_json(MACHINES, merge_facts([record.machine for record in records]))


if __name__ == "__main__":
    run_stage(main)
