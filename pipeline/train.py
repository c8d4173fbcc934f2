"""Stage: train the chosen model on every fold, and write the models to data/models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.base.backend import versions
from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import (
    FEATURE_STORES,
    HISTORIES,
    SUMMARY,
    TRAINED,
    TRAINING,
    rounded,
    write_csv,
    write_json,
)
from pipeline.folds.assignment import SHORT, folds_digest
from pipeline.folds.labelled import load_labelled
from pipeline.folds.table import read_folds
from pipeline.store.build import replacing_folder
from pipeline.store.cache import link
from pipeline.training.cross_validation import (
    Experiment,
    code_of,
    make_tasks,
    read_experiment,
    train_folds,
)
from pipeline.training.fit import FoldTask
from pipeline.training.trained import MODEL, Record, read_record
from pipeline.training.watching import COLUMNS


def parameters(experiment: Experiment, store: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a training follows from, under their keys in params.yaml.

    Parameters
    ----------
    experiment : Experiment
    store : mapping
        Description of the feature store: what the clips and the feature were made with, whatever
        params.yaml says by now.
    """
    return {
        "model": experiment.model,
        "feature": experiment.feature,
        "seed": experiment.seed,
        "segment": {name: store[name] for name in ("sample_rate", "seconds") if name in store},
        "extract": {experiment.feature: store.get("params", {})},
        "augment": experiment.augment.in_use(),
        "train": asdict(experiment.train),
        "models": {experiment.model: asdict(experiment.network)},
    }


def describe_training(
    experiment: Experiment, store: Mapping[str, Any], records: Sequence[Record], code: str
) -> dict[str, Any]:
    """What was trained, on which folds, on which machines, and by which code and libraries.

    It does not name the git commit: DVC's run cache would bring back that of another run.
    """
    return {
        "parameters": parameters(experiment, store),
        "folds_digest": folds_digest(),
        "code_digest": code[:SHORT],
        **merge_facts([record.machine for record in records]),
        "versions": versions(),
    }


def durations(tasks: Sequence[FoldTask], records: Sequence[Record]) -> dict[str, Any]:
    """How many seconds each fold took, whenever it was trained.

    Which folds came from the cache is not told, as that differs between runs of equal results.
    """
    numbers = [task.description.fold for task in tasks]
    seconds = [record.seconds for record in records]
    return {
        "seconds": round(sum(seconds), 1),
        "seconds_of_folds": dict(zip(map(str, numbers), seconds, strict=True)),
    }


def histories(tasks: Sequence[FoldTask], records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """Yield the losses and accuracies of every fold and epoch."""
    for task, record in zip(tasks, records, strict=True):
        for epoch, row in enumerate(record.history, 1):
            yield {"fold": task.description.fold, "epoch": epoch, **rounded(row)}


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
    SUMMARY.unlink(missing_ok=True)  # DVC would show the last run's figures as those of this one
    write_csv(HISTORIES, COLUMNS, [])  # to which every epoch adds a line
    with replacing_folder(TRAINED) as trained:
        folders = train_folds(tasks, HISTORIES.absolute())
        records = [read_record(folder) for folder in folders]
        for task, folder in zip(tasks, folders, strict=True):
            link(folder / MODEL, trained / f"fold-{task.description.fold}.keras")
    write_csv(HISTORIES, COLUMNS, histories(tasks, records))
    description = describe_training(experiment, clips.description, records, code_of(tasks[0]))
    write_json(TRAINING, {**description, **durations(tasks, records)})


if __name__ == "__main__":
    run_stage(main)
