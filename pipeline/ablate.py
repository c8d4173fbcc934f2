"""Command: what each kind of augmentation is worth, on the same folds and seeds.

`python -m pipeline.ablate` trains what params.yaml names without augmentation, with each kind that
can change the feature alone, and with all of these together, after `dvc repro` has made tracks,
replicas and features. All train in as many steps, if epochs divide: where new samples make an epoch
longer, in fewer epochs. It prints a table, the best on the inner validation first, and writes
metrics/ablation.csv, anew after each trial. What was made and trained before comes from the
machine's cache; `seconds`, of one core, are those of the training as it was, and an estimate of
what the samples take to make.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.augmentations import Chain, chain_of
from pipeline.errors import PipelineError, run_stage
from pipeline.judge import SEED
from pipeline.medium import Medium
from pipeline.paired import Difference, differences
from pipeline.params import Params, load_params
from pipeline.samples import chosen_medium
from pipeline.store import FEATURE_STORES, Store
from pipeline.tables import rounded, write_csv
from pipeline.terminal import aligned, p_text, percent, points
from pipeline.trials import Trial, open_bench

TABLE = Path("metrics/ablation.csv")
BASELINE, ALL = "none", "all"

Row = dict[str, Any]


def write_table(trials: Sequence[Trial]) -> list[Row]:
    """Write what is known after these trials, of which the first is the baseline."""
    first, *others = [trial.judged for trial in trials]
    gains = differences(first, others, first.groups, SEED) if others else []
    rows = table(trials, gains)
    write_csv(TABLE, list(rows[0]), map(rounded, rows))
    return rows


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


def choose(names: Sequence[str], params: Params, medium: Medium) -> dict[str, tuple[Chain, ...]]:
    """The trials of these names, by default each chain to try and all of them together.

    Raises
    ------
    PipelineError
        A name is no kind or chain, or is one that can change nothing here; or all are.
    """
    chains = params.augment.useful(medium)
    if not chains:  # so the first will tell why
        _useful(next(iter(params.augment.ranges)), params, medium)
    together = {ALL: tuple(chains)}
    if not names:
        return {chain.name: (chain,) for chain in chains} | together
    return {name: together.get(name) or (_useful(name, params, medium),) for name in names}


def _useful(name: str, params: Params, medium: Medium) -> Chain:
    ranges = params.augment.ranges
    try:
        chain = chain_of(name, ranges)
    except ValueError as error:
        choices = f"{', '.join([*ranges, ALL])}; + joins several"
        raise PipelineError(f"{name!r}: {error}; choose from {choices}") from None
    reason = medium.cannot(chain)
    if reason:
        raise PipelineError(f"{name!r} {reason}; feature = {params.feature!r}")
    return chain


def main() -> None:
    """Try what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help="kind, chain or all; default: each alone, and all"
    )
    names = parser.parse_args().kinds
    params = load_params()
    if params.augment.mode == "none":
        params = replace(params, augment=replace(params.augment, mode="offline"))
    with Store(FEATURE_STORES / params.feature) as store:
        medium = chosen_medium(params, store)
    chosen = choose(names, params, medium)
    trials = []
    with open_bench(params) as bench:
        for name, kinds in {BASELINE: (), **chosen}.items():
            print(f"-- {name}", flush=True)
            trials.append(bench.run(name, kinds))
            rows = write_table(trials)
    print(shown(rows))


if __name__ == "__main__":
    run_stage(main)
