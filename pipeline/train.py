"""Stage: folds -> a model and a history for each, in models/trained.

A fold that was trained before, from the same data in the same way, is taken from the machine's
cache; one that was killed goes on from its last checkpoint.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.fit import HISTORY, FoldTask, fit_fold
from models.precision import has_gpu, processor, resolve
from models.saved import TRAINED, Description
from models.startup import keras
from pipeline.audit import audit
from pipeline.cache import Cache, link, machine_cache
from pipeline.errors import run_stage
from pipeline.fingerprint import code_fingerprint, digest, version_of
from pipeline.holdout import inner_validation
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.parallel import map_folds
from pipeline.params import Params, load_params
from pipeline.store import FEATURE_STORES
from pipeline.tables import rounded, write_csv, write_json
from pipeline.tracks import FoldedTrack, folds_of, read_folds, sides

KIND = "folds"
METRICS = Path("metrics/training.json")
MODEL, CURVES = "model.keras", "history.csv"


@dataclass(frozen=True)
class AddressedTask:
    """A fold to train, and the hash of everything that determines what comes of it."""

    task: FoldTask
    address: str


def make_tasks(
    params: Params, tracks: Sequence[FoldedTrack], clips: LabelledClips
) -> list[AddressedTask]:
    """One task a fold, audited: nothing is in two of training, validation and test."""
    machine = {
        "precision": resolve(params.train.precision),
        "backend": keras.backend.backend(),
        "backend_version": version_of(keras.backend.backend()),
        "threads": 1,
        "processor": "GPU" if has_gpu() else processor(),
    }
    return [_make_task(params, tracks, clips, fold, machine) for fold in folds_of(tracks)]


def train_fold(addressed: AddressedTask, cache: Cache) -> Path:
    """Folder with the fold's model and history, trained unless the cache has it."""
    kept = cache.folder(KIND, addressed.address)
    if kept:
        print(f"fold {addressed.task.description.fold}: trained before, taken from the cache")
        return kept
    checkpoint = cache.root / "checkpoints" / f"{addressed.address}.npz"

    def fill(folder: Path) -> None:
        history = fit_fold(addressed.task, folder / MODEL, checkpoint)
        rows = ({"epoch": epoch, **rounded(row)} for epoch, row in enumerate(history, 1))
        write_csv(folder / CURVES, ["epoch", *HISTORY], rows)

    return cache.publish_folder(KIND, addressed.address, fill)


def main() -> None:
    """Train the model and feature that params.yaml names on every fold."""
    params = load_params()
    tracks = read_folds()
    clips = load_labelled(FEATURE_STORES / params.feature, tracks)
    tasks = make_tasks(params, tracks, clips)
    folders = map_folds(partial(train_fold, cache=machine_cache()), tasks)
    shutil.rmtree(TRAINED, ignore_errors=True)
    TRAINED.mkdir(parents=True)
    for addressed, folder in zip(tasks, folders, strict=True):
        path = TRAINED / f"fold-{addressed.task.description.fold}.keras"
        link(folder / MODEL, path)
        link(folder / CURVES, path.with_suffix(".csv"))
    training = tasks[0].task.description.training
    write_json(METRICS, {name: training[name] for name in training if name != "seed"})


def _make_task(
    params: Params,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    fold: int,
    machine: Mapping[str, Any],
) -> AddressedTask:
    seed = params.seed + fold
    outside, test = sides(tracks, fold)
    kept = inner_validation(outside, params.train.validation, seed)
    train = clips.rows_of(set(outside) - kept)
    validation = clips.rows_of(kept)
    audit(*(clips.tracks_of(part) for part in (train, validation, clips.rows_of(test))))
    description = Description(
        model=params.model,
        feature=params.feature,
        genres=clips.genres,
        fold=fold,
        store=clips.description,
        training={"seed": seed, **machine},
    )
    task = FoldTask(clips.rows, clips.labels, train, validation, params.fit, description)
    seen = [
        (track.genre, track.clip, track in kept, clips.digests[track.track_id]) for track in outside
    ]
    return AddressedTask(task, _address(task, seen))


def _address(task: FoldTask, seen: Sequence[tuple[str, int | None, bool, str]]) -> str:
    """Of the code, the parameters, and genre, clip, part and content of what is seen."""
    return digest(
        code_fingerprint("models.fit"),
        repr(task.params),
        repr(sorted(asdict(task.description).items())),
        repr(seen),
    )


if __name__ == "__main__":
    run_stage(main)
