"""Clips a second in training, beside plain Keras, and what the processor could do.

- plain: the same network in Keras' own `fit`, float32, all cores for one network;
- ours: as many folds side by side as there are cores, one thread each, in the precision that
  `auto` chooses; a rate is the sum over the folds;
- the processor: a bare convolution of the network's own shapes, forward and backward, in the same
  precision, on as many processes; the share of its rate that training reaches counts the
  convolutions' multiplications alone.

`python benchmarks/training.py [height width]`; 128 x 130 unless told otherwise.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.parallel import map_folds, workers

CLIPS, BATCH, GENRES, EPOCHS = 96, 32, 10, 4
BLOCKS = ((1, 64), (64, 128), (128, 256))  # channels in and out of the convolutions
PLAIN = "--plain"

Shape = tuple[int, int, int]


def fastest_epoch(network: Any, rows: Any, wanted: Any) -> float:
    """Seconds of the fastest epoch; the first, which compiles, does not count."""
    seconds = []
    for _ in range(1 + EPOCHS):
        start = time.perf_counter()
        network.fit(rows, wanted, batch_size=BATCH, verbose=0)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def clips_per_second(network: Any) -> float:
    """Rate of training on noise."""
    shape = network.input_shape[1:]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(CLIPS, *shape)).astype(np.float32)
    labels = np.arange(CLIPS) % GENRES
    return CLIPS / fastest_epoch(network, rows, labels)


def compiled(shape: Shape, precision: str) -> Any:
    """The `cnn` of params.yaml, ready to train."""
    from models.fit import assemble
    from models.optimizer import make_optimizer
    from models.saved import Description
    from pipeline.params import load_params

    params = load_params().models["cnn"]
    genres = [str(number) for number in range(GENRES)]
    description = Description("cnn", "mel", genres, 0, {}, {"seed": 0})
    network = assemble(shape, description, params, 0.0, 1.0, precision)
    network.compile(make_optimizer(params, 1000), "sparse_categorical_crossentropy")
    return network


def train_one(shape: Shape) -> tuple[str, float]:
    """Precision and rate of one fold on one thread."""
    from models.machine import resolve

    precision = resolve("auto")
    return precision, clips_per_second(compiled(shape, precision))


def convolve_one(shape: Shape) -> float:
    """Clips a second of the bare convolutions, forward and backward, on one thread."""
    from models.machine import POLICIES, resolve
    from models.startup import keras

    keras.config.set_dtype_policy(POLICIES[resolve("auto")])
    height, width, _ = shape
    seconds = 0.0
    for block, (channels, filters) in enumerate(BLOCKS):
        size = (height >> block, width >> block, channels)
        layer = keras.layers.Conv2D(filters, 7, padding="same", use_bias=False)
        # A sum has the cheapest gradient; the input's own is wanted from the second block on.
        first = [] if block == 0 else [keras.layers.Conv2D(channels, 1, use_bias=False)]
        network = keras.Sequential(
            [
                keras.Input((*size[:2], 1 if block else channels)),
                *first,
                layer,
                keras.layers.GlobalAveragePooling2D(),
            ]
        )
        network.compile(keras.optimizers.SGD(0.0), "mean_absolute_error")
        rows = np.zeros((CLIPS, *network.input_shape[1:]), np.float32)
        wanted = np.zeros((CLIPS, filters), np.float32)
        seconds += fastest_epoch(network, rows, wanted)
    return CLIPS / seconds


def main() -> None:
    """Measure all three."""
    sizes = [argument for argument in sys.argv[1:] if argument != PLAIN]
    shape: Shape = (int(sizes[0]), int(sizes[1]), 1) if sizes else (128, 130, 1)
    if PLAIN in sys.argv:
        print(clips_per_second(compiled(shape, "float32")))
        return
    command = [sys.executable, __file__, PLAIN, *sizes]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    plain = float(done.stdout.split()[-1])
    trained = map_folds(train_one, [shape] * workers())
    ours = sum(rate for _, rate in trained)
    bare = sum(map_folds(convolve_one, [shape] * workers()))
    from models.machine import processor

    print(f"{processor()}, {workers()} at once, {shape[0]} x {shape[1]}, {trained[0][0]}")
    print(f"plain Keras, float32   {plain:7.1f} clips/s")
    print(f"ours                   {ours:7.1f} clips/s, {ours / plain:.2f} times as many")
    print(f"convolutions alone     {bare:7.1f} clips/s; training reaches {ours / bare:.0%} of it")


if __name__ == "__main__":
    main()
