"""Train and test on every fold on the spot, and compare the protocols by it."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.base.cli import about, warn
from pipeline.base.errors import LeakError, PipelineError
from pipeline.base.files import AUGMENTED, FEATURE_STORES, rounded
from pipeline.base.parallel import workers
from pipeline.dataset.tracks import read_replica_pairs, read_tracks
from pipeline.evaluation.predictions import Predictions, by_level
from pipeline.evaluation.summary import Row, summarise, summarise_leaky
from pipeline.folds.assignment import Assignment, assign_folds
from pipeline.folds.labelled import LabelledClips, load_labelled
from pipeline.folds.table import FoldedTrack, ProtocolName, SplitParams
from pipeline.prediction.ensemble import load_model, predict_out_of_fold
from pipeline.training.cross_validation import Experiment, make_tasks, train_folds
from pipeline.training.trained import MODEL, Record, read_record

FACTS = ("protocol", "judged", "folds", "tracks", "genres_absent")  # of metrics/split.json
FIGURES = tuple(
    f"{level}_accuracy{figure}"
    for level in ("track", "clip", "leaky_clip")
    for figure in ("", "_low", "_high", "_std")
)


@dataclass(frozen=True)
class CrossValidated:
    """Predictions for every clip that is tested, and the record of each fold's training."""

    predictions: Predictions
    records: list[Record]


def cross_validate(
    experiment: Experiment,
    tracks: Sequence[FoldedTrack],
    clips: LabelledClips,
    folder: Path = AUGMENTED,
) -> CrossValidated:
    """Train and test on every fold; folds that were trained before come from the cache.

    Parameters
    ----------
    experiment : Experiment
    tracks : sequence of FoldedTrack
        The table of folds.
    clips : LabelledClips
        The clips of these tracks.
    folder : Path
        Where augmented samples lie, if the experiment trains on them.
    """
    folders = train_folds(make_tasks(experiment, tracks, clips, folder))
    predictions = predict_out_of_fold(clips, [load_model(each / MODEL) for each in folders])
    return CrossValidated(predictions, [read_record(each) for each in folders])


def expected_time(records: Sequence[Record], folds: int) -> str:
    """About how long `folds` folds will train, if each takes as long as those of `records`.

    Those may come from the cache: their records say what they took when they were trained.
    """
    seconds = folds * float(np.mean([record.seconds for record in records]))
    if os.environ.get("PIPELINE_SCHEDULER"):
        return f"{about(seconds)} of training on one core"
    count = min(workers(), folds)
    return f"{about(seconds / count)} of training, {count} at a time"


def compare_protocols(
    names: Sequence[ProtocolName], split: SplitParams, experiment: Experiment, vote: str
) -> Iterator[Row]:
    """Train and test under each protocol; one that cannot be used is left out, with a line.

    After the first, a line says how long the others will take.

    Parameters
    ----------
    names : sequence of str
    split : SplitParams
        The section `split`, whose protocol plays no part.
    experiment : Experiment
    vote : str
        The voting rule that tracks are judged by.

    Yields
    ------
    dict
        `FACTS` and, as far as the protocol has them, `FIGURES`.

    Raises
    ------
    LeakError
        A fold leaks.
    """
    assigned: dict[ProtocolName, Assignment] = {}
    for name in names:
        with _left_out(name):
            assigned[name] = assign(name, split, experiment.seed)
    folds = sum(each.figures["folds"] for each in assigned.values())
    timed = False
    for name, each in assigned.items():
        print(f"-- {name}", flush=True)
        folds -= each.figures["folds"]
        with _left_out(name):
            row, records = train_and_test(each, experiment, vote)
            if folds and not timed:
                timed = True
                time = expected_time(records, folds)
                print(f"{folds} more folds: {time}; less where that was done before", flush=True)
            yield row


def assign(name: ProtocolName, split: SplitParams, seed: int) -> Assignment:
    """Assign the tracks to the folds of the protocol `name`, and print its warnings.

    Raises
    ------
    PipelineError
        The protocol does not suit the dataset, or something that it needs is missing.
    LeakError
        A fold leaks.
    """
    split = replace(split, protocol=name)
    assigned = assign_folds(read_tracks(), read_replica_pairs(), split, seed)
    for line in assigned.warnings:
        warn(line)
    return assigned


def train_and_test(
    assigned: Assignment, experiment: Experiment, vote: str
) -> tuple[Row, list[Record]]:
    """Train and test on these folds; return the row of the table, and how the folds trained."""
    clips = load_labelled(FEATURE_STORES / experiment.feature, assigned.tracks)
    validated = cross_validate(experiment, assigned.tracks, clips)
    predictions = validated.predictions
    if clips.by_clip:
        summary = summarise_leaky(predictions)
    else:
        summary = summarise(by_level(predictions), vote)
    facts = {name: assigned.figures[name] for name in FACTS}
    facts["tracks"] = len(np.unique(predictions.track_ids))  # not all that the folds train on
    figures = {name: summary[name] for name in FIGURES if name in summary}
    return rounded({**facts, **figures}), validated.records


@contextmanager
def _left_out(name: str) -> Iterator[None]:
    """Print a line where the protocol `name` cannot be used, in place of an error."""
    try:
        yield
    except LeakError:
        raise
    except PipelineError as error:
        print(f"{name}: left out: {error}", file=sys.stderr)
