"""Train the folds of a cross-validation, each of them once.

A fold that was trained before, from the same data in the same way, is taken from the machine's
cache. One that was killed continues from its last checkpoint.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from operator import call
from pathlib import Path

from pipeline.base.backend import keras
from pipeline.base.digests import digest
from pipeline.base.errors import PipelineError
from pipeline.base.parallel import map_folds
from pipeline.store.addresses import code_address, modules_of
from pipeline.store.cache import Cache, machine_cache
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fitting import FoldTask, fit_fold
from pipeline.training.live import LiveCurves
from pipeline.training.machine import device_for, machine_facts
from pipeline.training.networks import network_module
from pipeline.training.progress import Progress
from pipeline.training.record import is_whole, write_fold

FOLDS = "folds"  # where the cache has trained folds
# What determines the folder of a trained fold, besides its network and what changes its rows.
TRAINED_BY = ("pipeline.training.fitting", "pipeline.training.record")
# Keras' seeds and policies belong to the process, and a cluster's worker may have several threads.
ONE_AT_A_TIME = threading.Lock()


def train_folds(tasks: Sequence[FoldTask], curves: Path | None = None) -> list[Path]:
    """Train the folds; return their folders in the cache, as `record.write_fold` writes them.

    Parameters
    ----------
    curves : Path, optional
        A table to which every epoch adds a line while the folds train.
    """
    cache = machine_cache()
    parts = [partial(train_fold, task, cache, code_of(task), curves) for task in tasks]
    return map_folds(call, parts)


def train_fold(task: FoldTask, cache: Cache, code: str, curves: Path | None = None) -> Path:
    """Folder of the fold in the cache, trained unless it is already there.

    Parameters
    ----------
    code : str
        What `code_of` returned where the task was made.
    curves : Path, optional
        As in `train_folds`.

    Raises
    ------
    PipelineError
        The code here is another: that of a worker that is out of date, or has another backend.
    """
    if code_of(task) != code:
        raise PipelineError(
            "a worker runs other code or libraries, or another Keras backend; restart it"
        )
    with ONE_AT_A_TIME:
        training = dict(task.description.training)
        training |= machine_facts(
            training["precision"],
            task.description.fold,
            needs_float32=task.params.needs_float32,
        )
        task = replace(task, description=replace(task.description, training=training))
        address = address_of(task, code)
        folder = cache.folder(FOLDS, address)
        if folder is None or not is_whole(folder):
            cache.forget_folder(FOLDS, address)
            return _train_anew(task, cache, address, curves)
        print(f"fold {task.description.fold}: trained before, taken from the cache")
        return folder


def _train_anew(task: FoldTask, cache: Cache, address: str, curves: Path | None) -> Path:
    description = task.description
    fold, training = description.fold, description.training
    print(f"fold {fold}: {training['precision']}, {training['backend']}, {training['processor']}")
    checkpoint = Checkpoint(cache.root / "checkpoints" / f"{address}.npz")
    watching = [Progress(fold, task.params.epochs, len(task.training_rows))]
    if curves:
        watching.append(LiveCurves(fold, checkpoint, curves))
    keras.utils.clear_session()
    with device_for(fold):  # the session is cleared first, as PyTorch's device is part of it
        fitted = fit_fold(task, checkpoint, watching)
        folder = cache.publish_folder(FOLDS, address, partial(write_fold, fitted, description))
    checkpoint.forget()
    return folder


def code_of(task: FoldTask) -> str:
    """Address of the code that trains a task here, and that changes its rows on the way."""
    modules = {*TRAINED_BY, network_module(task.description.model), *modules_of(task.transform)}
    return digest(code_address(*sorted(modules)), keras.backend.backend())


def address_of(task: FoldTask, code: str) -> str:
    """Address of the trained fold: code, parameters, machine, and all of the data that it uses."""
    described = repr(sorted(asdict(task.description).items()))
    return digest(code, repr(task.params), repr(task.transform), described, task.data_digest)
