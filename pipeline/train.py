"""Stage: folds -> a model and a history for each, in models/trained."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.saved import TRAINED
from pipeline.build import replacing_folder
from pipeline.cache import link
from pipeline.errors import run_stage
from pipeline.fold import CURVES, MACHINE, MODEL
from pipeline.labelled import load_labelled
from pipeline.params import load_params
from pipeline.store import FEATURE_STORES
from pipeline.tables import write_json
from pipeline.tracks import read_folds
from pipeline.training import make_tasks, train_folds

METRICS = Path("metrics/training.json")


def merge_facts(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is known of the machines that trained; where they differ, every value."""
    merged = {}
    for name in facts[0]:
        values = list(dict.fromkeys(each[name] for each in facts))
        merged[name] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    return merged


def main() -> None:
    """Train the model and feature that params.yaml names on every fold."""
    params = load_params()
    tracks = read_folds()
    clips = load_labelled(FEATURE_STORES / params.feature, tracks)
    tasks = make_tasks(params, tracks, clips)
    with replacing_folder(TRAINED) as trained:
        folders = train_folds(tasks)
        for task, folder in zip(tasks, folders, strict=True):
            path = trained / f"fold-{task.description.fold}.keras"
            link(folder / MODEL, path)
            link(folder / CURVES, path.with_suffix(".csv"))
    facts = [json.loads((folder / MACHINE).read_text(encoding="utf-8")) for folder in folders]
    write_json(METRICS, merge_facts(facts))


if __name__ == "__main__":
    run_stage(main)
