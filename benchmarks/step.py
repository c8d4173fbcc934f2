"""What a training step spends its time on, by TensorFlow's profiler, on one thread.

The network of models/cnn_padded.py in the precision that `auto` chooses, beside the same blocks as
they are often written, convolution with bias and ReLU, batch normalisation, pooling: in float32 and
in ours. Figures are milliseconds of a batch of 32, of the two networks of benchmarks/training.py.

`python benchmarks/step.py`
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from training import BATCH, GENRES, NETWORKS, Network

from pipeline.base.parallel import map_folds

# What an operation is, by the first of these that its name has; AddN sums what the several paths
# through a batch normalisation give back.
KINDS = {
    "Conv2DBackpropFilter": "convolution, gradient of the kernel",
    "Conv2DBackpropInput": "convolution, gradient of the input",
    "Conv2D": "convolution, forward",
    "batch_normalization": "batch normalisation",
    "AddN": "batch normalisation",
    "max_pooling": "pooling",
    "ReluGrad": "ReLU and bias, backward",
    "BiasAddGrad": "ReLU and bias, backward",
}
REST = "all else"


def usual(network: Network) -> Any:
    """Convolution, ReLU, batch normalisation, pooling."""
    from pipeline.base.backend import keras

    layers: list[Any] = [keras.layers.BatchNormalization()]
    for filters in network.filters:
        layers += [
            keras.layers.Conv2D(filters, network.kernel, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(2),
        ]
    layers += [keras.layers.Flatten(), keras.layers.Dense(32, activation="relu")]
    layers += [keras.layers.Dense(GENRES, activation="softmax", dtype="float32")]
    return keras.Sequential([keras.Input(network.rows.shape[1:]), *layers])


def ours(network: Network) -> Any:
    """The `cnn_padded`."""
    from models.cnn_padded import CnnPaddedParams, build
    from pipeline.base.params import read_section

    params = replace(
        read_section(CnnPaddedParams, "models.cnn_padded"),
        filters=network.filters,
        kernel=network.kernel,
    )
    return build(network.rows.shape[1:], GENRES, params)


WAYS = {  # name: (how the network is built, precision)
    "usual, float32": (usual, "float32"),
    "usual, auto": (usual, "auto"),
    "ours, auto": (ours, "auto"),
}


def milliseconds(way: str, network: Network) -> Counter[str]:
    """Milliseconds of a step, the mean of an epoch's, by kind of operation."""
    from pipeline.base.backend import keras, resolve
    from pipeline.training.fit import POLICIES

    build, precision = WAYS[way]
    keras.config.set_dtype_policy(POLICIES[resolve(precision)])
    model = build(network)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    rows, labels = network.rows, np.arange(network.clips) % GENRES
    train = partial(model.fit, rows, labels, batch_size=BATCH, verbose=0)
    train()  # compiles
    steps = network.clips // BATCH
    return Counter({kind: spent / steps for kind, spent in profiled(train).items()})


def profiled(train: Callable[[], Any]) -> Counter[str]:
    """Milliseconds in all, by kind of operation, that TensorFlow ran while it trained."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            train()
        recorded = next(Path(folder).rglob("*.xplane.pb")).read_bytes()
    spent: Counter[str] = Counter()
    for plane in xplane_pb2.XSpace.FromString(recorded).planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            if name.startswith("StatefulPartitionedCall/"):  # an operation of the step's graph
                found = (kind for part, kind in KINDS.items() if part in name)
                spent[next(found, REST)] += event.duration_ps / 1e9
    return spent


def main() -> None:
    """Profile every way of both networks, one after the other."""
    from pipeline.base.backend import processor, resolve

    print(f"{processor()}, one thread, auto is {resolve('auto')}")
    for network in NETWORKS.values():
        columns = [map_folds(partial(milliseconds, network=network), [way])[0] for way in WAYS]
        print(f"\nms of a step, {network.title}")
        print(f"{'':36}" + "".join(f"{way:>16}" for way in WAYS))
        for kind in [*dict.fromkeys(KINDS.values()), REST]:
            print(f"{kind:36}" + "".join(f"{spent[kind]:16.1f}" for spent in columns))
        print(f"{'in all':36}" + "".join(f"{spent.total():16.1f}" for spent in columns))


if __name__ == "__main__":
    main()
