"""Inspection of a folder of music: its files, copies and folds, and how long the stages take."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.audio.clips import Pcm, SegmentParams
from pipeline.audio.decode import CutTrack, load_clips
from pipeline.augmentation.target import AugmentParams, parse_augment
from pipeline.base.cli import warn
from pipeline.base.errors import PipelineError
from pipeline.base.parallel import map_folds, workers
from pipeline.base.params import choice, lookup, read_document, read_name, read_section, read_seed
from pipeline.base.types import Array
from pipeline.dataset.folder import ARTIST, read_dataset, require_readable
from pipeline.dataset.survey import Surveyed, summarise, survey, usable_tracks
from pipeline.dataset.tracks import Track, gtzan_facts, with_gtzan_artists
from pipeline.features.shared.feature import ExtractFeature, Feature, parse_extract
from pipeline.folds.assignment import genre_warnings, require_folds, small_genres
from pipeline.folds.table import FoldedTrack, ProtocolName, SplitParams, folds_of, sides
from pipeline.recordings.fingerprint import FingerprintTrack, fingerprint
from pipeline.recordings.matching import exact_rows, find_replicas, same_samples
from pipeline.training.network import FitParams, TrainParams, network_names, read_network

TIMED_CLIPS = 20  # on which each feature is timed
ENOUGH_SECONDS = 1.0  # of an epoch, to tell how fast a network trains

Folded = list[FoldedTrack] | PipelineError  # of a protocol: the tracks, or why it cannot be used


@dataclass(frozen=True)
class Plan:
    """The parameters in params.yaml that an inspection needs."""

    segment: SegmentParams
    split: SplitParams
    seed: int
    features: Mapping[str, Feature]
    feature: str
    augment: AugmentParams
    model: str
    network: FitParams
    train: TrainParams


def read_plan(folder: Path) -> Plan:
    """Read params.yaml without loading a network, as if `dataset.path` were `folder`.

    Raises
    ------
    ParamsError
        A value is wrong, or a feature cannot be computed from such clips.
    """
    segment = read_section(SegmentParams, "segment")
    features = parse_extract(lookup("extract"))
    for name, feature in features.items():
        feature.check(f"extract.{name}", segment.clip_samples, segment.sample_rate)
    model = choice(lookup("model"), "model", network_names())
    return Plan(
        segment=segment,
        split=read_section(SplitParams, "split"),
        seed=read_seed(),
        features=features,
        feature=read_name("feature"),
        augment=parse_augment(lookup("augment")),
        model=model,
        network=read_network(model, {**read_document(), "dataset": {"path": str(folder)}}),
        train=read_section(TrainParams, "train"),
    )


def inspect(folder: Path, by_sound: bool) -> dict[str, Any]:
    """Find out everything about a dataset that can be known before a stage runs, as JSON has it.

    Every file is decoded, on all cores, and nothing is kept. Each protocol is tried, without
    regard to copies of a recording.

    Parameters
    ----------
    folder : Path
    by_sound : bool
        Whether copies of a recording are looked for by their sound, or by equal samples alone.

    Raises
    ------
    PipelineError
        The folder has no files or some that cannot be read, its metadata or genres do not fit, or
        params.yaml is wrong.
    """
    plan = read_plan(folder)
    rate = plan.segment.sample_rate
    require_readable(folder)
    group = plan.split.group
    files, metadata = read_dataset(folder, group)
    for text in metadata.warnings:
        warn(text)
    cut = CutTrack(rate, plan.segment.clip_samples)
    surveyed = survey(files, cut, partial(fingerprint, sample_rate=rate) if by_sound else None)
    labelled = [each.file.track_id for each in surveyed if each.is_usable and each.file.genre]
    facts = gtzan_facts(labelled) if group == ARTIST else {}
    tracks = usable_tracks(surveyed, with_gtzan_artists(metadata.cells, facts))
    statuses = [(each.file.genre, each.status) for each in surveyed]
    pairs = find_pairs(surveyed, by_sound)
    protocols = try_protocols(tracks, plan.split, plan.seed)
    trained = training_clips(protocols[plan.split.protocol], tracks)
    return {
        "folder": str(folder),
        "sample_rate": rate,
        "clip_seconds": plan.segment.seconds,
        "warnings": metadata.warnings,
        "note": metadata.note,
        "group": group,
        **summarise(surveyed, tracks),
        "least_tracks": plan.split.least_tracks,
        "small_genres": small_genres(statuses, plan.split.least_tracks),
        "replicas": {"by_sound": by_sound, "pairs": [[a["track_id"], a["same_as"]] for a in pairs]},
        "protocols": {
            name: _outcome(folded, replace(plan.split, protocol=name))
            for name, folded in protocols.items()
        },
        "seconds_needed": estimate_stage_seconds(surveyed, tracks, plan, trained),
    }


def find_pairs(surveyed: Sequence[Surveyed], by_sound: bool) -> list[dict[str, Any]]:
    """Find the pairs of usable tracks that are the same recording."""
    usable = {each.file.track_id: each for each in surveyed if each.is_usable}
    digests = {track_id: each.digest for track_id, each in usable.items()}
    if not by_sound:
        return list(exact_rows(same_samples(digests)))
    return find_replicas(
        digests, lambda track_id: np.asarray(usable[track_id].fingerprint, np.uint32)
    )


def try_protocols(
    tracks: Sequence[Track], params: SplitParams, seed: int
) -> dict[ProtocolName, Folded]:
    """Return for each protocol the tracks in its folds, or why it cannot be used."""
    folded: dict[ProtocolName, Folded] = {}
    for name in get_args(ProtocolName):
        try:
            folded[name] = require_folds(tracks, replace(params, protocol=name), seed)
        except PipelineError as error:
            folded[name] = error
    return folded


def _outcome(folded: Folded, params: SplitParams) -> dict[str, Any]:
    if isinstance(folded, PipelineError):
        return {"problem": str(folded)}
    tested = {track.track_id for track in folded if track.tested_in}
    return {
        "folds": len(folds_of(folded)),
        "tested_tracks": len(tested),
        "warnings": genre_warnings(folded, params),
    }


def training_clips(folded: Folded, tracks: Sequence[Track]) -> list[int]:
    """Count the clips that each fold does not test, those of its inner validation among them."""
    if isinstance(folded, PipelineError):
        return []
    clips = {track.track_id: track.clips for track in tracks}
    return [
        sum(clips[track.track_id] if track.clip is None else 1 for track in sides(folded, fold)[0])
        for fold in folds_of(folded)
    ]


def estimate_stage_seconds(
    surveyed: Sequence[Surveyed], tracks: Sequence[Track], plan: Plan, trained: Sequence[int]
) -> dict[str, Any]:
    """Estimate the seconds that the long stages will take with all workers.

    The time per clip is measured here on a few clips, and that of training on random rows. What is
    said of training is None where the network cannot be trained on the feature, or where the
    feature's rows or the folds are not known.

    Parameters
    ----------
    surveyed : sequence of Surveyed
        All files of the dataset.
    tracks : sequence of Track
        Its usable tracks.
    plan : Plan
    trained : sequence of int
        Clips that each fold is trained on, those of its inner validation among them.
    """
    rate = plan.segment.sample_rate
    recipes = {name: ExtractFeature(each, rate) for name, each in plan.features.items()}
    pcm = _some_clips(surveyed, plan.segment)
    share = sum(track.clips for track in tracks) / workers()
    return {
        "workers": workers(),
        "segment": sum(each.took for each in surveyed) / workers(),
        "extract": {name: share * _per_clip(recipe, pcm) for name, recipe in recipes.items()},
        "replicas": share * _per_clip(FingerprintTrack(rate), pcm),
        "train": _training(plan, trained, len({track.genre for track in tracks if track.genre})),
    }


def _some_clips(surveyed: Sequence[Surveyed], params: SegmentParams) -> Pcm:
    """The first clips of a track in the middle of the dataset; none where no file is usable."""
    usable = [each.file.path for each in surveyed if each.is_usable]
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


def _training(plan: Plan, trained: Sequence[int], n_genres: int) -> dict[str, Any] | None:
    """Seconds that all epochs of all folds take, and whether training may stop before the last."""
    if plan.feature not in plan.features or not trained:
        return None
    feature, segment, network = plan.features[plan.feature], plan.segment, plan.network
    rows = feature.template(segment.clip_samples, segment.sample_rate)
    if network.reason_against(rows.shape[1:]):
        return None
    more = 1 + plan.augment.copies if plan.augment.mode == "offline" else 1
    clips, at_once = more * max(trained), min(workers(), len(trained))
    rate = clips_per_second(plan.model, network, plan.train, rows, n_genres, clips, at_once)
    rounds = math.ceil(len(trained) / at_once)
    return {
        "clips_per_second": rate,
        "seconds": rounds * clips * network.epochs / rate,
        "stops_early": network.patience > 0,
    }


def clips_per_second(
    model: str,
    params: FitParams,
    train: TrainParams,
    template: Array,
    n_genres: int,
    clips: int,
    at_once: int,
) -> float:
    """Measure how many clips a fold goes through in a second, beside other folds.

    Each fold trains in a process of its own, as it will, so that Keras is not loaded in this one.
    Neither the first epoch, which compiles the network, nor inline augmentation is measured.

    Parameters
    ----------
    model : str
        Name of the network.
    params : FitParams
    train : TrainParams
    template : array, shape (0, ...)
        With the shape and dtype of the feature's rows.
    n_genres : int
    clips : int
        The number in an epoch of a fold, those of its inner validation among them: no more of
        them are measured.
    at_once : int
        The number of folds that train at once.
    """
    measure = partial(_seconds_per_clip, model, params, train, template, n_genres, clips)
    return float(1 / np.mean(map_folds(measure, range(at_once))))


def _seconds_per_clip(
    model: str,
    params: FitParams,
    train: TrainParams,
    template: Array,
    n_genres: int,
    clips: int,
    fold: int,
) -> float:
    """Train on one batch, and on more of them until an epoch is long enough, or has all `clips`."""
    from pipeline.base.backend import device_for, keras, resolve
    from pipeline.training.checkpoint import Checkpoint
    from pipeline.training.fit import FoldTask, fit_fold
    from pipeline.training.trained import Description

    count = min(params.batch_size, clips)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (count, *template.shape[1:])).astype(template.dtype)
    labels = rng.integers(0, n_genres, count)
    precision = resolve(train.precision, fold, needs_float32=params.needs_float32)
    genres = [str(number) for number in range(n_genres)]
    by = {"seed": 0, "precision": precision}
    description = Description(model, "noise", genres, fold, store={}, training=by)

    def seconds_of_epoch(count: int) -> float:
        index = np.arange(count) % len(rows)
        training, validation = np.split(index, [-max(1, round(train.validation * count))])
        once_more = replace(params, epochs=2)
        task = FoldTask(rows, labels, training, validation, once_more, description)
        times: list[float] = []

        def note(*_: object) -> None:
            times.append(time.perf_counter())

        noting = keras.callbacks.LambdaCallback(on_epoch_begin=note, on_train_end=note)
        with TemporaryDirectory() as folder, device_for(fold):
            fit_fold(task, Checkpoint(Path(folder, "state.npz")), [noting])
        return times[-1] - times[1]

    while (seconds := seconds_of_epoch(count)) < ENOUGH_SECONDS / 2 and count < clips:
        count = int(min(clips, count * ENOUGH_SECONDS / seconds))
    return seconds / count
