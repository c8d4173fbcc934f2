"""Train the folds of a cross-validation, each of them once.

A fold that was trained before, from the same data in the same way, is taken from the machine's
cache; one that was killed goes on from its last checkpoint.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from operator import call
from pathlib import Path

from pipeline.base.digests import digest
from pipeline.base.errors import PipelineError
from pipeline.base.parallel import map_folds
from pipeline.store.addresses import code_address, modules_of
from pipeline.store.cache import Cache, machine_cache
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fitting import FoldTask, fit_fold
from pipeline.training.machine import device_for, machine_facts
from pipeline.training.networks import network_module
from pipeline.training.progress import Progress
from pipeline.training.record import write_fold
from pipeline.training.startup import keras

KIND = "folds"
# What determines the folder of a trained fold, besides its network and what changes its rows.
TRAINED_BY = ("pipeline.training.fitting", "pipeline.training.record")
# Keras' seeds and policies belong to the process, and a cluster's worker may have several threads.
ONE_AT_A_TIME = threading.Lock()


def train_folds(tasks: Sequence[FoldTask]) -> list[Path]:
    """The folder of each fold in the machine's cache, as `pipeline.training.record` writes it."""
    cache = machine_cache()
    return map_folds(call, [partial(train_fold, task, cache, code_of(task)) for task in tasks])


def train_fold(task: FoldTask, cache: Cache, code: str) -> Path:
    """Folder of the fold in the cache, trained unless the cache has it.

    Raises
    ------
    PipelineError
        The code here is not that of `code`: a worker that is out of date, or with another
        backend.
    """
    if code_of(task) != code:
        raise PipelineError(
            "a worker runs other code or libraries, or another Keras backend; restart it"
        )
    with ONE_AT_A_TIME:
        training = dict(task.description.training)
        training |= machine_facts(training["precision"], task.description.fold)
        task = replace(task, description=replace(task.description, training=training))
        return _trained(task, cache, address_of(task, code))


def _trained(task: FoldTask, cache: Cache, address: str) -> Path:
    description = task.description
    fold, training = description.fold, description.training
    kept = cache.folder(KIND, address)
    if kept:
        print(f"fold {fold}: trained before, taken from the cache")
        return kept
    print(f"fold {fold}: {training['precision']}, {training['backend']}, {training['processor']}")
    checkpoint = Checkpoint(cache.root / "checkpoints" / f"{address}.npz")
    progress = Progress(fold, task.params.epochs, len(task.fitted))
    keras.utils.clear_session()
    with device_for(fold):  # not before: with PyTorch the session has the device
        fitted = fit_fold(task, checkpoint, [progress])
        folder = cache.publish_folder(KIND, address, partial(write_fold, fitted, description))
    checkpoint.forget()
    return folder


def code_of(task: FoldTask) -> str:
    """Address of the code that trains a task here, and that changes its rows on the way."""
    modules = {*TRAINED_BY, network_module(task.description.model), *modules_of(task.change)}
    return digest(code_address(*sorted(modules)), keras.backend.backend())


def address_of(task: FoldTask, code: str) -> str:
    """Address of the trained fold: code, parameters, machine, and all of the data that is seen."""
    described = repr(sorted(asdict(task.description).items()))
    return digest(code, repr(task.params), repr(task.change), described, task.content)
