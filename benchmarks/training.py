"""Clips a second in training, beside plain Keras, native PyTorch, and what the processor could do.

- ours: as many folds side by side as there are cores, one thread each, in the precision that
  `auto` chooses; a rate is the sum over the folds;
- plain Keras: the same network in Keras' own `fit`, float32, all cores for one network;
- PyTorch, where it is installed (`pip install torch`): the same network as one writes it there,
  channels last, bfloat16 by autocast; all cores for one network, and one each side by side;
- convolutions alone: bare convolutions of the network's own shapes, forward and backward, on as
  many processes as ours, in our precision and in float32.

Two networks: the `cnn_padded` of params.yaml at 128 x 130, and a small one at 96 x 128 with
kernel 3 and filters 32-64-128-128. A rate is that of the median step on noise.

`python benchmarks/training.py`
"""

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.base.parallel import map_folds, workers

BATCH, GENRES, EPOCHS = 32, 10, 5


@dataclass(frozen=True)
class Network:
    """What is trained: clips of shape (height, width, 1) an epoch, and the blocks."""

    name: str
    height: int
    width: int
    filters: tuple[int, ...]
    kernel: int
    clips: int

    @property
    def title(self) -> str:
        """Kernel, filters and size of the picture."""
        blocks = "-".join(map(str, self.filters))
        return f"{self.kernel} x {self.kernel}, {blocks}, at {self.height} x {self.width}"

    @property
    def rows(self) -> np.ndarray:
        """Noise, float32, shape (clips, height, width, 1)."""
        shape = (self.clips, self.height, self.width, 1)
        return np.random.default_rng(0).normal(size=shape).astype(np.float32)


NETWORKS = {
    "large": Network("large", 128, 130, (64, 128, 256), 7, 96),
    "small": Network("small", 96, 128, (32, 64, 128, 128), 3, 512),
}


def median_rate(epoch: Callable[[Callable[[], None]], Any]) -> float:
    """Clips a second of the median step; the first epoch, which compiles, does not count.

    `epoch` trains for one, and calls what it is given after each step.
    """
    seconds = []
    for number in range(1 + EPOCHS):
        times = [time.perf_counter()]
        epoch(lambda times=times: times.append(time.perf_counter()))
        seconds += np.diff(times).tolist() if number else []
    return BATCH / statistics.median(seconds)


def fit_rate(model: Any, rows: np.ndarray, wanted: np.ndarray) -> float:
    """Median rate of Keras' own `fit`."""
    from pipeline.base.backend import keras

    def epoch(tick: Callable[[], None]) -> None:
        ticking = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: tick())
        model.fit(rows, wanted, batch_size=BATCH, callbacks=[ticking], verbose=0)

    return median_rate(epoch)


def train_keras(network: Network, precision: str) -> float:
    """Rate of Keras' own `fit`, on as many threads as the environment says."""
    from models.cnn_padded import CnnPaddedParams
    from pipeline.base.backend import resolve
    from pipeline.base.params import read_section
    from pipeline.training.fit import assemble, make_optimizer
    from pipeline.training.trained import Description

    params = read_section(CnnPaddedParams, "models.cnn_padded")
    params = replace(params, filters=network.filters, kernel=network.kernel)
    genres = [str(number) for number in range(GENRES)]
    description = Description("cnn_padded", "mel", genres, 0, {}, {"seed": 0})
    rows, labels = network.rows, np.arange(network.clips) % GENRES
    model = assemble(rows.shape[1:], description, params, 0.0, 1.0, resolve(precision))
    model.compile(make_optimizer(params, 1000), "sparse_categorical_crossentropy")
    return fit_rate(model, rows, labels)


def convolve(network: Network, precision: str) -> float:
    """Rate of the bare convolutions, each block measured by itself."""
    from pipeline.base.backend import keras, resolve
    from pipeline.training.fit import POLICIES

    keras.config.set_dtype_policy(POLICIES[resolve(precision)])
    seconds, channels = 0.0, 1
    for block, filters in enumerate(network.filters):
        shape = (network.height >> block, network.width >> block, 1)
        # From the second block on, something before it has to learn: the input's gradient counts.
        before = [keras.layers.Conv2D(channels, 1, use_bias=False)] if block else []
        model = keras.Sequential(
            [
                keras.Input(shape),
                *before,
                keras.layers.Conv2D(filters, network.kernel, padding="same", use_bias=False),
                keras.layers.GlobalAveragePooling2D(),  # a sum has the cheapest gradient
            ]
        )
        model.compile(keras.optimizers.SGD(0.0), "mean_absolute_error")
        rows = np.zeros((network.clips, *shape), np.float32)
        wanted = np.zeros((network.clips, filters), np.float32)
        seconds += 1 / fit_rate(model, rows, wanted)
        channels = filters
    return 1 / seconds


def train_torch(network: Network, threads: int) -> float:
    """Rate of the same network in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    layers: list[Any] = [nn.BatchNorm2d(1)]
    channels, height, width = 1, network.height, network.width
    for filters in network.filters:
        layers.append(nn.Conv2d(channels, filters, network.kernel, padding="same", bias=False))
        layers += [nn.MaxPool2d(2), nn.BatchNorm2d(filters), nn.ReLU()]
        channels, height, width = filters, height // 2, width // 2
    layers += [nn.Flatten(), nn.Linear(channels * height * width, 32, bias=False)]
    layers += [nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, GENRES)]
    model = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
    rows = torch.from_numpy(network.rows.transpose(0, 3, 1, 2).copy())
    rows = rows.to(memory_format=torch.channels_last)
    labels = torch.arange(network.clips) % GENRES

    def epoch(tick: Callable[[], None]) -> None:
        for start in range(0, network.clips, BATCH):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                scores = model(rows[start : start + BATCH])
            chosen = labels[start : start + BATCH]
            nn.functional.cross_entropy(scores.float(), chosen).backward()
            optimizer.step()
            tick()

    return median_rate(epoch)


def apart(role: str, network: Network, threads: int) -> float:
    """Rate of a role in a process of its own, on that many threads."""
    command = [sys.executable, __file__, role, network.name, str(threads)]
    limits = {"OMP_NUM_THREADS": str(threads), "TF_NUM_INTRAOP_THREADS": str(threads)}
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **limits}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=environment
    )
    return float(done.stdout.split()[-1])


def side_by_side(role: str, network: Network) -> float:
    """Sum of the rates of as many processes as there are cores, on one thread each."""
    with ThreadPoolExecutor(workers()) as pool:
        return sum(pool.map(lambda _: apart(role, network, 1), range(workers())))


def measure(network: Network) -> None:
    """Print every rate for a network."""
    at_once = [network] * workers()
    ours = sum(map_folds(partial(train_keras, precision="auto"), at_once))
    single = sum(map_folds(partial(train_keras, precision="float32"), at_once))
    bare = sum(map_folds(partial(convolve, precision="auto"), at_once))
    bare_single = sum(map_folds(partial(convolve, precision="float32"), at_once))
    plain = apart("keras", network, workers())
    rates = {
        "ours": ours,
        "ours, float32": single,
        "plain Keras, float32": plain,
    }
    if importlib.util.find_spec("torch"):
        rates["PyTorch, bfloat16"] = apart("torch", network, workers())
        rates["PyTorch, bfloat16, side by side"] = side_by_side("torch", network)
    rates |= {"convolutions alone": bare, "convolutions alone, float32": bare_single}
    print(f"\n{network.title}")
    for name, rate in rates.items():
        print(f"{name:32} {rate:7.1f} clips/s; ours is {ours / rate:5.2f} times that")


def main() -> None:
    """Measure both networks, or one role where this process was started for it."""
    if len(sys.argv) == 4:
        role, network, threads = sys.argv[1], NETWORKS[sys.argv[2]], int(sys.argv[3])
        print(train_torch(network, threads) if role == "torch" else train_keras(network, "float32"))
        return
    from pipeline.base.backend import processor, resolve

    print(f"{processor()}, {workers()} at once, auto is {resolve('auto')}")
    for network in NETWORKS.values():
        measure(network)


if __name__ == "__main__":
    main()
