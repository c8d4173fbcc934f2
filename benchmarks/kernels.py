"""A training step with oneDNN's kernels, as here, and with those that TensorFlow chooses by itself.

TensorFlow turns oneDNN on by itself only where the processor has the newest instructions, such as
AVX512-VNNI: there, the two are the same. Each network trains on pictures of 64 x 65, in float32, in
a process of its own for each core, on one thread.

`python benchmarks/kernels.py`
"""

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.base.parallel import ONE_THREAD, workers
from pipeline.base.params import lookup, parse

NETWORKS = ("cnn", "cnn_padded", "shortchunk")
SHAPE, GENRES, BATCH, STEPS = (64, 65, 1), 10, 32, 12
WARMING_UP = 2  # steps that do not count, as the first compiles


def seconds_of_step(model: str) -> float:
    """Median seconds of a step in this process, which imports nothing that sets up TensorFlow."""
    import keras

    from pipeline.training.network import build_network, params_class

    network = build_network(
        model, SHAPE, GENRES, parse(params_class(model), lookup(f"models.{model}"), model)
    )
    network.compile("sgd", "sparse_categorical_crossentropy")
    times = [time.perf_counter()]
    ticking = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: times.append(time.perf_counter())
    )
    rows = np.random.default_rng(0).normal(size=(BATCH * STEPS, *SHAPE)).astype(np.float32)
    labels = np.arange(len(rows)) % GENRES
    network.fit(rows, labels, batch_size=BATCH, callbacks=[ticking], verbose=0)
    return statistics.median(np.diff(times[WARMING_UP:]))


def apart(model: str, choice: dict[str, str]) -> float:
    """Mean over processes that compute side by side, one for each core."""
    kept = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment = {**kept, **ONE_THREAD, **choice, "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, __file__, model]

    def measured(_: int) -> float:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=environment
        )
        return float(done.stdout.split()[-1])

    with ThreadPoolExecutor(workers()) as pool:
        return statistics.mean(pool.map(measured, range(workers())))


def main() -> None:
    """Measure every network, or one where this process was started for it."""
    if sys.argv[1:]:
        print(seconds_of_step(sys.argv[1]))
        return
    from pipeline.base.backend import processor

    print(f"{processor()}, {workers()} processes at once")
    for model in NETWORKS:
        plain, ours = apart(model, {}), apart(model, {"TF_ENABLE_ONEDNN_OPTS": "1"})
        print(
            f"{model:10} {1000 * plain:6.0f} ms as TensorFlow chooses, {1000 * ours:6.0f} ms with "
            f"oneDNN: {plain / ours:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
