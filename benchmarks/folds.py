"""What ten folds of a thousand tracks take: ten clips of 3 s each, `mel` as in params.yaml.

As many folds as there are cores train side by side, on noise, which takes as long as music; the
time of all ten, with every epoch that params.yaml or the command line allows, follows.
The share of reading is what the same batches take without a network.

`python benchmarks/folds.py [epochs of the convolutional networks]`
"""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from streaming import noise_task, write_noise

from pipeline.base.parallel import map_folds, workers
from pipeline.base.params import lookup

TRACKS, FOLDS = 1000, 10
EPOCHS = {"ann": 10, "cnn": 1, "cnn_padded": 1, "shortchunk": 1}  # measured
TESTED, VALIDATION = 1000, 900  # clips of a fold; inner validation takes a tenth of the others


def seconds_of_epoch(fold: int, store: Path, model: str) -> tuple[float, float]:
    """Seconds of an epoch, its validation included, and of reading its batches alone."""
    from pipeline.training.checkpoint import Checkpoint
    from pipeline.training.fit import Batches, fit_fold

    task = noise_task(store, TRACKS - TESTED // 10, model, VALIDATION, fold, EPOCHS[model])
    start = time.perf_counter()
    fit_fold(task, Checkpoint(store / f"{model}-{fold}.npz"))
    trained = (time.perf_counter() - start) / EPOCHS[model]
    batches = Batches(task.rows, task.labels, task.train, task.params.batch_size, seed=0)
    start = time.perf_counter()
    for number in range(len(batches)):
        batches[number]
    return trained, time.perf_counter() - start


def main() -> None:
    """Measure the networks."""
    from pipeline.base.backend import processor

    print(f"{processor()}, {workers()} folds at once")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        write_noise(store, TRACKS)
        for model in EPOCHS:
            epochs = lookup(f"models.{model}.epochs")
            if model != "ann" and sys.argv[1:]:
                epochs = int(sys.argv[1])
            measured = map_folds(
                partial(seconds_of_epoch, store=store, model=model), list(range(workers()))
            )
            epoch, reading = (max(values) for values in zip(*measured, strict=True))
            rounds = -(-FOLDS // workers())
            print(
                f"{model}: {epoch:.1f} s for an epoch, of which reading {reading / epoch:.1%}; "
                f"ten folds of at most {epochs} epochs {rounds * epochs * epoch / 60:.0f} min"
            )


if __name__ == "__main__":
    main()
