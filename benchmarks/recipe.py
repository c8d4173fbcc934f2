"""What each part of a training recipe is worth to `shortchunk` on `mel`, by the inner validation.

Every part is added to the recipe of params.yaml, or taken out of it, by itself. All train on the
same folds with the same seeds, so differences are paired; behind them stands their standard error.
No test track is looked at. It needs the clips, features and folds of the workspace: `dvc repro
split extract` first.

Labels smoothed: Szegedy et al. (2016). Mixup: Zhang et al. (2018). Averaged weights: Polyak &
Juditsky (1992), here an exponential average. SpecAugment: Park et al. (2019).

`python benchmarks/recipe.py [folds [seeds [epochs]]]`, by default 3, 3 and those of params.yaml
"""

import copy
import sys
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.base.cli import aligned, percent, points
from pipeline.base.files import FEATURE_STORES
from pipeline.base.parallel import map_folds
from pipeline.base.params import read_document

MODEL, FEATURE = "shortchunk", "mel"
SEED_STEP = 1000  # a fold's seed is the experiment's plus its number


@dataclass(frozen=True)
class Part:
    """What a trial does differently; the first four have an effect only where they are not 0.

    Attributes
    ----------
    smoothing : float
        Share of a label's certainty that goes to all genres.
    mixup : float
        Parameter of the beta distribution of the share that a clip keeps.
    averaging : float
        Share of the old in each update of the average of the weights.
    crop : float
        Share of the frames that a training clip keeps, from a place that is drawn anew.
    network, augment : dict
        Parameters of the network and of `augment`.
    """

    smoothing: float = 0
    mixup: float = 0
    averaging: float = 0
    crop: float = 0
    network: dict[str, Any] = field(default_factory=dict)
    augment: dict[str, Any] = field(default_factory=dict)


def inline(*kinds: str, probability: float = 0.5) -> dict[str, Any]:
    """Parameters of inline augmentation by these kinds."""
    return {"mode": "inline", "kinds": list(kinds), "probability": probability}


LONGER = {"epochs": 24}  # what makes training harder may pay only in more of it
PARTS = {
    "as in params.yaml": Part(),
    "labels smoothed by 0.1": Part(smoothing=0.1),
    "mixup, 0.2": Part(mixup=0.2),
    "averaged weights, 0.99": Part(averaging=0.99),
    "crops of 3/4 of the frames": Part(crop=0.75),
    "SpecAugment, every second clip": Part(augment=inline("time_mask+frequency_mask")),
    "time_shift, every second clip": Part(augment=inline("time_shift")),
    "adam, no weight decay": Part(network={"optimizer": "adam", "weight_decay": 0}),
    "no warm-up": Part(network={"warmup": 0}),
    "no dropout": Part(network={"dropout": 0}),
    "24 epochs": Part(network=LONGER),
    "24 epochs, mixup, 0.2": Part(mixup=0.2, network=LONGER),
    "24 epochs, SpecAugment, every second clip": Part(
        network=LONGER, augment=inline("time_mask+frequency_mask")
    ),
}


@dataclass(frozen=True)
class Trial:
    """One fold of a part with a seed."""

    name: str
    seed: int
    fold: int
    epochs: int | None


def document_of(trial: Trial) -> dict[str, Any]:
    """params.yaml with what the trial does differently."""
    part, document = PARTS[trial.name], copy.deepcopy(read_document())
    document |= {"model": MODEL, "feature": FEATURE, "seed": trial.seed}
    document["models"][MODEL] |= part.network
    document["augment"] |= {"mode": "none", **part.augment}
    if trial.epochs:
        document["models"][MODEL]["epochs"] = trial.epochs
    return document


def validated(trial: Trial) -> tuple[int, int, float]:
    """Train; return how many clips of the inner validation are right, of how many, and seconds."""
    from pipeline.base.backend import keras, resolve
    from pipeline.folds.labelled import load_labelled
    from pipeline.folds.table import read_folds
    from pipeline.training.cross_validation import make_tasks, read_experiment
    from pipeline.training.fit import Batches, assemble, make_optimizer, statistics

    part, tracks = PARTS[trial.name], read_folds()
    pair = tuple[Any, Any]  # what a class's own body refers to does not reach another process
    clips = load_labelled(FEATURE_STORES / FEATURE, tracks)
    task = make_tasks(read_experiment(document_of(trial)), tracks, clips)[trial.fold]
    seed, params = task.description.training["seed"], task.params

    class Changed(Batches):
        """Batches with labels as probabilities, cropped and mixed where they train."""

        def __getitem__(self, batch: int) -> pair:
            rows, labels = super().__getitem__(batch)
            wanted = np.eye(len(clips.genres), dtype=np.float32)[labels]
            if self._seed is None:
                return rows, wanted
            rng = np.random.default_rng([seed, self._epoch, batch])
            if part.crop:
                rows = cropped(rows, part.crop, rng)
            if part.mixup:
                rows, wanted = mixed(rows, wanted, part.mixup, rng)
            return rows, wanted

    keras.utils.clear_session()
    height, width, channels = task.rows.shape[1:]
    model = assemble(
        (height, None if part.crop else width, channels),
        task.description,
        params,
        *statistics(task.rows, task.train),
        resolve("auto", trial.fold, needs_float32=params.needs_float32),
    )
    data = task.rows, task.labels
    training = Changed(*data, task.training_rows, params.batch_size, seed, task.transform)
    validation = Changed(*data, task.validation, 4 * params.batch_size)
    optimizer = make_optimizer(params, params.epochs * len(training))
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=training.start_epoch)]
    if part.averaging:
        optimizer.use_ema, optimizer.ema_momentum = True, part.averaging
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=part.smoothing)
    model.compile(optimizer, loss, metrics=["accuracy"])
    start = time.perf_counter()
    with closing(training), closing(validation):
        history = model.fit(
            training,
            validation_data=validation,
            epochs=params.epochs,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        ).history
    count = len(task.validation)
    right = round(history["val_accuracy"][-1] * count)
    print(f"{trial.name}: seed {trial.seed}, fold {trial.fold}: {right} of {count}", flush=True)
    return right, count, time.perf_counter() - start


def cropped(rows: Any, share: float, rng: np.random.Generator) -> Any:
    """A part of the frames of each picture (n, height, frames, channels)."""
    frames = round(share * rows.shape[2])
    starts = rng.integers(0, rows.shape[2] - frames + 1, len(rows))
    pairs = zip(rows, starts, strict=True)
    return np.stack([row[:, start : start + frames] for row, start in pairs])


def mixed(rows: Any, wanted: Any, alpha: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Each row and its label mixed with another of the batch, of which it keeps the larger part."""
    drawn = rng.beta(alpha, alpha, len(rows)).astype(np.float32)
    kept, others = np.maximum(drawn, 1 - drawn), rng.permutation(len(rows))
    wide = kept.reshape(-1, 1, 1, 1)
    return (
        wide * rows + (1 - wide) * rows[others],
        kept[:, None] * wanted + (1 - kept[:, None]) * wanted[others],
    )


def shares(results: list[tuple[int, int, float]]) -> Any:
    """Share of right clips of each training."""
    return np.array([right / count for right, count, _ in results])


def main() -> None:
    """Train every part, and print the table."""
    folds, seeds, epochs = [*map(int, sys.argv[1:4]), *(3, 3, 0)[len(sys.argv) - 1 :]]
    first = read_document()["seed"]
    trials = [
        Trial(name, first + SEED_STEP * seed, fold, epochs or None)
        for name in PARTS
        for seed in range(seeds)
        for fold in range(folds)
    ]
    found = defaultdict(list)
    for trial, result in zip(trials, map_folds(validated, trials), strict=True):
        found[trial.name].append(result)
    rows = [["recipe", "clips", "inner validation %", "minus the first", "seconds of a fold"]]
    plain = shares(found[next(iter(PARTS))])
    for name, results in found.items():
        right, clips, seconds = np.sum(results, axis=0)
        gains = shares(results) - plain
        error = gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else np.nan
        gain = f"{points(gains.mean())} ± {percent(error)}" if gains.any() else ""
        each = f"{seconds / len(results):.0f}"
        rows.append([name, f"{clips:.0f}", percent(right / clips), gain, each])
    print(aligned(rows, right=(1, 2, 3, 4)))


if __name__ == "__main__":
    main()
