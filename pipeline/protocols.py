"""Command: compare the protocols, and show how much the leaky one flatters.

`python -m pipeline.protocols` trains and tests what params.yaml names under the protocols clip,
song, artist and filtered. It needs the tracks, replicas, features and augmented samples that
`dvc repro` makes; folds that were trained before come from the machine's cache. It prints a table;
where it is stopped, a table of the protocols that were done.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from pipeline.base.cli import aligned, command_line, output_file, percent, points, run_stage, warn
from pipeline.base.errors import LeakError, PipelineError
from pipeline.base.files import FEATURE_STORES, rounded, write_csv
from pipeline.base.params import read_section
from pipeline.dataset.tracks import read_replica_pairs, read_tracks
from pipeline.evaluation.predictions import EvaluateParams, by_level
from pipeline.evaluation.summary import summarise, summarise_leaky
from pipeline.folds.assignment import Assignment, assign_folds
from pipeline.folds.labelled import load_labelled
from pipeline.folds.protocols import PROTOCOLS
from pipeline.folds.table import ProtocolName, SplitParams
from pipeline.training.cross_validation import Experiment, read_experiment
from pipeline.training.trained import Record
from pipeline.trials.trial import cross_validate, outlook

DEFAULT: list[ProtocolName] = ["clip", "song", "artist", "filtered"]
COLUMNS = ["protocol", "judged", "folds", "tracks", "genres_absent"]
FIGURES = ["accuracy", "accuracy_low", "accuracy_high", "accuracy_std"]
LEVELS = ("track", "clip", "leaky_clip")

Row = dict[str, Any]
Result = TypeVar("Result")


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
    """Train and test on these folds; return a row of the table, and how the folds trained."""
    clips = load_labelled(FEATURE_STORES / experiment.feature, assigned.tracks)
    found = cross_validate(experiment, assigned.tracks, clips)
    if clips.by_clip:
        summary = summarise_leaky(found.predictions)
    else:
        summary = summarise(by_level(found.predictions), vote)
    figures = {f"{level}_{figure}" for level in LEVELS for figure in FIGURES} & summary.keys()
    facts = {name: assigned.figures[name] for name in COLUMNS}
    facts["tracks"] = len(np.unique(found.predictions.track_ids))  # not all that the folds train on
    return rounded({**facts, **{name: summary[name] for name in figures}}), found.records


def compare(
    assigned: Mapping[ProtocolName, Assignment], experiment: Experiment, vote: str
) -> Iterator[Row]:
    """Yield the row of each protocol; after the first, print how long the rest will take."""
    folds = sum(each.figures["folds"] for each in assigned.values())
    said = False
    for name, each in assigned.items():
        print(f"-- {name}", flush=True)
        done = _or_left_out(name, partial(train_and_test, each, experiment, vote))
        folds -= each.figures["folds"]
        if done and folds and not said:
            said = True
            time = outlook(done[1], folds)
            print(f"{folds} more folds: {time}; less where that was done before", flush=True)
        if done:
            yield done[0]


def _or_left_out(name: str, step: Callable[[], Result]) -> Result | None:
    """The result of a step, or None and a line where the protocol cannot be used."""
    try:
        return step()
    except LeakError:
        raise
    except PipelineError as error:
        print(f"{name}: left out: {error}", file=sys.stderr)
        return None


def format_table(rows: Sequence[Row]) -> str:
    """Format the rows for a terminal, in percent with 95 % intervals."""
    header = ["protocol", "judged", "runs", "tracks", "track", "95% interval", "clip"]
    return aligned([header, *map(_cells, rows)], right=range(2, 7))


def _cells(row: Row) -> list[str]:
    facts = [str(row[name]) for name in COLUMNS[1:4]]
    if "leaky_clip_accuracy" in row:
        clip = percent(row["leaky_clip_accuracy"])
        return [f"{row['protocol']} (leaks)", *facts, "-", "-", clip]
    low, high = (percent(row[f"track_accuracy_{bound}"]) for bound in ("low", "high"))
    track, clip = percent(row["track_accuracy"]), percent(row["clip_accuracy"])
    return [row["protocol"], *facts, track, f"{low} to {high}", clip]


def leads(rows: Sequence[Row]) -> list[str]:
    """By how much the leaky protocol's clip accuracy exceeds that of each honest one."""
    leaky = [row["leaky_clip_accuracy"] for row in rows if "leaky_clip_accuracy" in row]
    return [
        f"clip (leaks) minus {row['protocol']}: {points(leaky[0] - row['clip_accuracy'])} points "
        "of clip accuracy"
        for row in rows
        if leaky and "clip_accuracy" in row
    ]


def main() -> None:
    """Run the protocols that the command line names."""
    parser = command_line(__doc__)
    choices = ", ".join(PROTOCOLS)
    described = f"one of {choices}; default: {', '.join(DEFAULT)}"
    parser.add_argument("protocols", nargs="*", metavar="PROTOCOL", help=described)
    parser.add_argument("--csv", type=output_file, metavar="FILE", help="also write it to FILE")
    asked = parser.parse_args()
    for name in asked.protocols:
        if name not in PROTOCOLS:
            raise PipelineError(f"there is no protocol {name!r}; choose from {choices}")
    experiment = read_experiment()
    split = read_section(SplitParams, "split")
    vote = read_section(EvaluateParams, "evaluate").vote
    steps = {
        name: _or_left_out(name, partial(assign, name, split, experiment.seed))
        for name in asked.protocols or DEFAULT
    }
    assigned = {name: found for name, found in steps.items() if found}
    rows: list[Row] = []
    try:
        rows.extend(compare(assigned, experiment, vote))
    finally:
        if rows:
            print("\n".join([format_table(rows), *leads(rows)]))
    if not rows:
        raise PipelineError("none of the protocols could be run")
    if asked.csv:
        columns = [*COLUMNS, *(f"{level}_{figure}" for level in LEVELS for figure in FIGURES)]
        write_csv(asked.csv, columns, rows)


if __name__ == "__main__":
    run_stage(main)
