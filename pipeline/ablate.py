"""Command: what each kind of augmentation is worth, on the same folds and seeds.

`python -m pipeline.ablate` trains what params.yaml names without augmentation, with each kind that
can change the feature alone, and with all of these together, after `dvc repro` has made tracks,
replicas and features. It prints a table, the best on the inner validation first, and writes
metrics/ablation.csv. What was made and trained before comes from the machine's cache.
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.saved import load_model
from pipeline.augment_params import AugmentParams
from pipeline.augmentations import Chain, Medium
from pipeline.augmented import load_augmented
from pipeline.augmenting import medium_of
from pipeline.dealing import deal_tracks
from pipeline.errors import PipelineError, run_stage
from pipeline.judge import SEED, judge_levels, prediction_rows
from pipeline.judging import judge_clips
from pipeline.labelled import LabelledClips, load_labelled
from pipeline.paired import Difference, Judgement, differences, judgement
from pipeline.params import Params, load_params
from pipeline.samples import AUGMENTED, make_samples
from pipeline.store import FEATURE_STORES, Store
from pipeline.tables import read_csv, rounded, write_csv
from pipeline.terminal import aligned, p_text, percent, points
from pipeline.tracks import FoldedTrack, Track, read_replica_pairs, read_tracks
from pipeline.training import COST, CURVES, MODEL, make_tasks, train_folds

TABLE = Path("metrics/ablation.csv")
SCRATCH = AUGMENTED.with_name("ablation")  # samples of the trial that runs
BASELINE, ALL = "none", "all"

Row = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One way to train, judged.

    Attributes
    ----------
    validation : float
        Accuracy per clip on the inner validation parts, mean over folds.
    seconds : float
        That the folds trained, on a core each, and the samples took to make.
    megabytes : float
        Of new samples.
    """

    name: str
    validation: float
    judged: Judgement
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Bench:
    """What all trials have in common."""

    params: Params
    usable: Sequence[Track]
    dealt: Sequence[FoldedTrack]
    clips: LabelledClips

    def run(self, name: str, kinds: tuple[Chain, ...]) -> Trial:
        """Train and judge with `kinds`; without augmentation where there are none."""
        params = replace(self.params, augment=_only(self.params.augment, kinds))
        started = time.monotonic()
        if params.augment.mode == "offline":
            make_samples(params, self.usable, SCRATCH)
        seconds = time.monotonic() - started
        samples = load_augmented(params, self.clips, SCRATCH)
        folders = train_folds(make_tasks(params, self.dealt, self.clips, samples))
        levels = judge_levels(
            judge_clips(self.clips, [load_model(each / MODEL) for each in folders])
        )
        voted = levels[params.evaluate.vote]
        rows = prediction_rows(levels["mean"], voted, self.clips.genres)
        kept = [kept_accuracy(each / CURVES, params.fit.patience) for each in folders]
        return Trial(
            name,
            float(np.mean(kept)),
            judgement([{key: str(value) for key, value in row.items()} for row in rows]),
            seconds + sum(map(_seconds, folders)),
            sum(path.stat().st_size for path in SCRATCH.glob("*/*.h5")) / 1e6 if samples else 0,
        )


def _only(augment: AugmentParams, kinds: tuple[Chain, ...]) -> AugmentParams:
    """With these kinds alone; no clip has two samples that are the same."""
    vary = all(chain.varies for chain in kinds)
    copies = augment.copies if vary else min(augment.copies, len(kinds))
    mode = augment.mode if kinds else "none"
    return replace(augment, mode=mode, kinds=kinds, copies=copies)


def kept_accuracy(curves: Path, patience: int) -> float:
    """Inner validation accuracy of the weights that were kept: the best epoch's, or the last's."""
    rows = read_csv(curves)
    kept = min(rows, key=lambda row: float(row["val_loss"])) if patience else rows[-1]
    return float(kept["val_accuracy"])


def chains_to_try(params: Params, medium: Medium) -> list[Chain]:
    """Every kind alone, and the chains that params.yaml names, where they change the feature."""
    single = [Chain(name, (kind,)) for name, kind in params.augment.ranges.items()]
    chains = [*single, *(chain for chain in params.augment.kinds if chain not in single)]
    return [chain for chain in chains if not medium.cannot(chain)]


def table(trials: Sequence[Trial], gains: Sequence[Difference]) -> list[Row]:
    """A row a trial: the baseline, then the others, the best on the inner validation first."""
    rows = [_row(trials[0], None)]
    others = zip(trials[1:], gains, strict=True)
    ordered = sorted(others, key=lambda each: each[0].validation, reverse=True)
    return rows + [_row(trial, gain) for trial, gain in ordered]


def _row(trial: Trial, gain: Difference | None) -> Row:
    row: Row = {
        "kinds": trial.name,
        "validation_clip_accuracy": trial.validation,
        "track_accuracy": float(trial.judged.correct.mean()),
    }
    for name in ("difference", "low", "high", "p_value", "p_holm"):
        row[name] = getattr(gain, name) if gain else ""
    return {**row, "seconds": round(trial.seconds), "megabytes": round(trial.megabytes, 1)}


def shown(rows: Sequence[Row]) -> str:
    """The rows for a terminal, in percent."""
    header = [
        "kinds",
        "inner validation",
        "track",
        "difference",
        "95% interval",
        "Holm p",
        "s",
        "MB",
    ]
    return aligned([header, *map(_cells, rows)], right=range(1, 8))


def _cells(row: Row) -> list[str]:
    cells = [row["kinds"], percent(row["validation_clip_accuracy"]), percent(row["track_accuracy"])]
    if row["difference"] == "":
        cells += ["-", "-", "-"]
    else:
        interval = f"{points(row['low'])} to {points(row['high'])}"
        cells += [points(row["difference"]), interval, p_text(row["p_holm"])]
    return [*cells, str(row["seconds"]), str(row["megabytes"])]


def _seconds(folder: Path) -> float:
    return float(json.loads((folder / COST).read_text(encoding="utf-8"))["seconds"])


def open_bench(params: Params) -> Bench:
    """Deal the tracks as `params` say, and find their clips."""
    usable = read_tracks()
    dealt = deal_tracks(usable, read_replica_pairs(), params.split, params.seed).tracks
    clips = load_labelled(FEATURE_STORES / params.feature, dealt)
    if clips.by_clip:
        raise PipelineError("split.protocol = 'clip' judges no track; choose another")
    return Bench(params, usable, dealt, clips)


def choose(names: Sequence[str], chains: Sequence[Chain]) -> dict[str, tuple[Chain, ...]]:
    """The trials of these names, by default each chain and all together."""
    known = {chain.name: (chain,) for chain in chains} | {ALL: tuple(chains)}
    for name in names:
        if name not in known:
            raise PipelineError(f"no kind {name!r} here; choose from {', '.join(known)}")
    return {name: known[name] for name in names or known}


def main() -> None:
    """Try what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="default: each alone, and all")
    names = parser.parse_args().kinds
    params = load_params()
    if params.augment.mode == "none":
        params = replace(params, augment=replace(params.augment, mode="offline"))
    with Store(FEATURE_STORES / params.feature) as store:
        medium = medium_of(store, params.extract.get(params.feature))
    chosen = choose(names, chains_to_try(params, medium))
    bench = open_bench(params)
    trials = []
    for name, kinds in {BASELINE: (), **chosen}.items():
        print(f"-- {name}")
        trials.append(bench.run(name, kinds))
    shutil.rmtree(SCRATCH, ignore_errors=True)
    judged = [trial.judged for trial in trials]
    rows = table(trials, differences(judged[0], judged[1:], judged[0].groups, SEED))
    write_csv(TABLE, list(rows[0]), map(rounded, rows))
    print(shown(rows))


if __name__ == "__main__":
    run_stage(main)
