"""What a folder of music holds, and how long the stages will take on it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import Pcm, SegmentParams
from pipeline.audio.decode import load_clips
from pipeline.base.parallel import workers
from pipeline.dataset.survey import Surveyed
from pipeline.dataset.tracks import Track
from pipeline.features.shared.feature import ExtractFeature, Feature
from pipeline.recordings.fingerprint import FingerprintTrack
from pipeline.training.cross_validation import Experiment, read_experiment

TIMED_CLIPS = 20  # on which each feature is timed
# Clips of 64 x 65 values per second on one core of an AMD EPYC in bfloat16 (`cnn`: float32); about
# half of that without bfloat16 (`python benchmarks/folds.py`).
STATED_RATES = {"ann": 2500.0, "cnn": 42.0, "cnn_padded": 31.0, "shortchunk": 180.0}
STATED_VALUES = 64 * 65
# The most clips per second: as much is left to do around a network, however small a clip is
# (`python benchmarks/thousand.py`). Then the networks whose speed does not depend on its size.
HIGHEST_RATE = 6000.0
RATES_FOR_ANY_SIZE = {"linear": HIGHEST_RATE}


def estimate_stage_seconds(
    found: Sequence[Surveyed],
    tracks: Sequence[Track],
    params: SegmentParams,
    features: Mapping[str, Feature],
    trained: Sequence[int],
) -> dict[str, Any]:
    """Seconds that the long stages will take with all workers.

    The time per clip is measured here on a few clips; the time to train is an upper bound from the
    stated rates, and None where there is no rate of the network, or nothing to train on.

    Parameters
    ----------
    found : sequence of Surveyed
        All files of the dataset.
    tracks : sequence of Track
        Its usable tracks.
    params : SegmentParams
    features : mapping of name to Feature
        Those that are extracted.
    trained : sequence of int
        Clips that each fold trains on, those of its inner validation among them.
    """
    recipes = {name: ExtractFeature(each, params.sample_rate) for name, each in features.items()}
    pcm = _some_clips(found, params)
    share = sum(track.clips for track in tracks) / workers()
    return {
        "workers": workers(),
        "segment": sum(each.took for each in found) / workers(),
        "extract": {name: share * _per_clip(recipe, pcm) for name, recipe in recipes.items()},
        "replicas": share * _per_clip(FingerprintTrack(params.sample_rate), pcm),
        "train": _training(read_experiment(), features, params, trained),
    }


def _some_clips(found: Sequence[Surveyed], params: SegmentParams) -> Pcm:
    """The first clips of a track in the middle of the dataset; none where no file is usable."""
    usable = [each.file.path for each in found if each.is_usable]
    if not usable:
        return np.empty((0, params.clip_samples), np.int16)
    path = usable[len(usable) // 2]
    return load_clips(path, params.sample_rate, params.clip_samples).pcm[:TIMED_CLIPS]


def _per_clip(recipe: Callable[[Pcm], object], pcm: Pcm) -> float:
    if not len(pcm):
        return 0.0
    with threadpool_limits(1):
        recipe(pcm[:1])  # the first call of all prepares tables
        start = time.perf_counter()
        recipe(pcm)
        return (time.perf_counter() - start) / len(pcm)


def _training(
    experiment: Experiment,
    features: Mapping[str, Feature],
    params: SegmentParams,
    trained: Sequence[int],
) -> float | None:
    if experiment.feature not in features or not trained:
        return None
    row = features[experiment.feature].template(params.clip_samples, params.sample_rate)
    rate = _clips_per_second(experiment.model, math.prod(row.shape[1:]))
    if rate is None:
        return None
    more = 1 + experiment.augment.copies if experiment.augment.mode == "offline" else 1
    rounds = math.ceil(len(trained) / workers())
    return rounds * max(trained) * more * experiment.network.epochs / rate


def _clips_per_second(model: str, values: int) -> float | None:
    """Clips of `values` values each that one core trains on in a second; None where not stated."""
    if model in STATED_RATES:
        return min(STATED_RATES[model] * STATED_VALUES / values, HIGHEST_RATE)
    return RATES_FOR_ANY_SIZE.get(model)
