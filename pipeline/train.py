"""Stage: folds -> a model and a history for each, in models/trained."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.fit import HISTORY, FoldTask, fit_fold
from models.precision import resolve
from models.saved import TRAINED, Description
from pipeline.errors import run_stage
from pipeline.folds import audit, inner_validation
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.parallel import map_folds
from pipeline.params import Params, load_params
from pipeline.store import FEATURE_STORES
from pipeline.tables import rounded, write_csv
from pipeline.tracks import FoldedTrack, read_folds


def make_tasks(
    params: Params, tracks: Sequence[FoldedTrack], clips: LabelledClips, folder: Path
) -> list[FoldTask]:
    """One task a fold, audited: no track is in two of training, validation and test."""
    precision = resolve(params.train.precision)
    return [
        _make_task(params, tracks, clips, folder, fold, precision)
        for fold in sorted({track.fold for track in tracks})
    ]


def _make_task(
    params: Params,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    folder: Path,
    fold: int,
    precision: str,
) -> FoldTask:
    seed = params.seed + fold
    outside = [track for track in tracks if track.fold != fold]
    kept = inner_validation(
        [track.track_id for track in outside],
        [track.genre for track in outside],
        params.train.validation,
        seed,
    )
    in_validation = np.isin(clips.track_ids, sorted(kept))
    train = np.flatnonzero((clips.folds != fold) & ~in_validation)
    validation = np.flatnonzero(in_validation)
    parts = (train, validation, np.flatnonzero(clips.folds == fold))
    audit(*(np.unique(clips.track_ids[part]).tolist() for part in parts))
    description = Description(
        model=params.model,
        feature=params.feature,
        genres=clips.genres,
        fold=fold,
        store=clips.description,
        training={"seed": seed, "precision": precision},
    )
    path = folder / f"fold-{fold}.keras"
    return FoldTask(clips.rows, clips.labels, train, validation, params.fit, description, path)


def main() -> None:
    """Train the model and feature that params.yaml names on every fold."""
    params = load_params()
    tracks = read_folds()
    clips = load_labelled(FEATURE_STORES / params.feature, tracks)
    shutil.rmtree(TRAINED, ignore_errors=True)
    TRAINED.mkdir(parents=True)
    tasks = make_tasks(params, tracks, clips, TRAINED)
    for task, history in zip(tasks, map_folds(fit_fold, tasks), strict=True):
        rows = ({"epoch": epoch, **rounded(row)} for epoch, row in enumerate(history, 1))
        write_csv(task.path.with_suffix(".csv"), ["epoch", *HISTORY], rows)


if __name__ == "__main__":
    run_stage(main)
