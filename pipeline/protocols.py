"""Command: the same model by every protocol, side by side, and the leaky one less each honest one.

`python -m pipeline.protocols` trains and judges what params.yaml names under the protocols clip,
song, artist and filtered, after `dvc repro` has made tracks, replicas, features and new samples;
folds that were trained before come from the machine's cache. It prints a table and writes
metrics/protocols.csv.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.saved import load_model
from pipeline.audit import LeakError
from pipeline.dealing import deal_tracks
from pipeline.errors import PipelineError, run_stage
from pipeline.fold import MODEL
from pipeline.folds import PROTOCOLS
from pipeline.judge import judge_levels, summarise, summarise_leaky
from pipeline.judging import judge_clips
from pipeline.labelled import load_labelled
from pipeline.params import Params, ProtocolName, load_params
from pipeline.store import FEATURE_STORES
from pipeline.tables import rounded, write_csv
from pipeline.terminal import aligned, percent, points
from pipeline.tracks import read_replica_pairs, read_tracks
from pipeline.training import make_tasks, train_folds

TABLE = Path("metrics/protocols.csv")
DEFAULT: list[ProtocolName] = ["clip", "song", "artist", "filtered"]
COLUMNS = ["protocol", "judged", "folds", "tracks", "genres_absent"]
FIGURES = ["accuracy", "accuracy_low", "accuracy_high", "accuracy_std"]
LEVELS = ("track", "clip", "leaky_clip")

Row = dict[str, Any]


def run_protocol(name: ProtocolName, params: Params) -> Row:
    """Deal by the protocol `name`, train and judge as `params` say: its row of the table.

    Raises
    ------
    PipelineError
        The protocol does not go with the dataset, or something that it needs is not there.
    LeakError
        A fold leaks.
    """
    split = replace(params.split, protocol=name)
    dealt = deal_tracks(read_tracks(), read_replica_pairs(), split, params.seed)
    clips = load_labelled(FEATURE_STORES / params.feature, dealt.tracks)
    folders = train_folds(make_tasks(params, dealt.tracks, clips))
    judged = judge_clips(clips, [load_model(folder / MODEL) for folder in folders])
    if clips.by_clip:
        summary = summarise_leaky(judged)
    else:
        summary = summarise(judge_levels(judged), params.evaluate.vote)
    figures = {f"{level}_{figure}" for level in LEVELS for figure in FIGURES} & summary.keys()
    facts = {name: dealt.figures[name] for name in COLUMNS}
    facts["tracks"] = len(np.unique(judged.track_ids))  # in place of all that were dealt
    return rounded({**facts, **{name: summary[name] for name in figures}})


def table(rows: Sequence[Row]) -> str:
    """The rows for a terminal, in percent with 95 % intervals."""
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
    """Clip accuracy of the leaky protocol less that of each honest one."""
    leaky = [row["leaky_clip_accuracy"] for row in rows if "leaky_clip_accuracy" in row]
    return [
        f"clip (leaks) less {row['protocol']}: {points(leaky[0] - row['clip_accuracy'])} points "
        "of clip accuracy"
        for row in rows
        if leaky and "clip_accuracy" in row
    ]


def main() -> None:
    """Run the protocols of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = ", ".join(PROTOCOLS)
    told = f"one of {choices}; default: {', '.join(DEFAULT)}"
    parser.add_argument("protocols", nargs="*", metavar="PROTOCOL", help=told)
    names: list[ProtocolName] = parser.parse_args().protocols or DEFAULT
    for name in names:
        if name not in PROTOCOLS:
            raise PipelineError(f"no protocol {name!r}; choose from {choices}")
    params = load_params()
    rows = []
    for name in names:
        try:
            rows.append(run_protocol(name, params))
        except LeakError:
            raise
        except PipelineError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
    if not rows:
        raise PipelineError("none of the protocols could be run")
    columns = [*COLUMNS, *(f"{level}_{figure}" for level in LEVELS for figure in FIGURES)]
    write_csv(TABLE, columns, rows)
    print("\n".join([table(rows), *leads(rows)]))


if __name__ == "__main__":
    run_stage(main)
