"""Command: what each kind of augmentation is worth, on the same folds and seeds.

`python -m pipeline.ablate` trains what params.yaml names without augmentation, with each kind that
can change the feature alone, and with all of these together, after `dvc repro` has made tracks,
replicas and features. All train in as many steps, if epochs divide: where new samples make an epoch
longer, in fewer epochs. It prints a table, the best on the inner validation first, and writes
metrics/ablation.csv, anew after each trial. What was made and trained before comes from the
machine's cache; `seconds`, of one core, are those of the training as it was, and an estimate of
what the samples take to make.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.augmentation.chains import Chain, chain_of
from pipeline.augmentation.params import AugmentParams
from pipeline.augmentation.samples import target_of
from pipeline.augmentation.suitability import reason_against
from pipeline.augmentation.target import Target
from pipeline.base.entry import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.paths import FEATURE_STORES, METRICS
from pipeline.base.sections import read_section
from pipeline.base.tables import rounded, write_csv
from pipeline.base.terminal import aligned, p_text, percent, points
from pipeline.comparison.paired import Difference, differences
from pipeline.comparison.trials import Trial, open_bench
from pipeline.evaluation.params import EvaluateParams
from pipeline.evaluation.summary import SEED
from pipeline.folds.params import SplitParams
from pipeline.store.store import Store
from pipeline.training.experiment import read_experiment

TABLE = METRICS / "ablation.csv"
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
    """One row for each trial: the baseline, then the others, the best inner validation first."""
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


def choose(
    names: Sequence[str], augment: AugmentParams, target: Target
) -> dict[str, tuple[Chain, ...]]:
    """The trials of these names, by default each chain to try and all of them together.

    Raises
    ------
    PipelineError
        A name is no kind or chain, or is one that can change nothing here; or all are.
    """
    chains = augment.usable_chains(target)
    if not chains:  # so the first will tell why
        _usable(next(iter(augment.ranges)), augment, target)
    together = {ALL: tuple(chains)}
    if not names:
        return {chain.name: (chain,) for chain in chains} | together
    return {name: together.get(name) or (_usable(name, augment, target),) for name in names}


def _usable(name: str, augment: AugmentParams, target: Target) -> Chain:
    ranges = augment.ranges
    try:
        chain = chain_of(name, ranges)
    except ValueError as error:
        choices = f"{', '.join([*ranges, ALL])}; + joins several"
        raise PipelineError(f"{name!r}: {error}; choose from {choices}") from None
    reason = reason_against(target, chain)
    if reason:
        raise PipelineError(f"{name!r} {reason}")
    return chain


def main() -> None:
    """Try what the command line names, or everything."""
    parser = command_line(__doc__)
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help="kind, chain or all; default: each alone, and all"
    )
    names = parser.parse_args().kinds
    experiment = read_experiment()
    if experiment.augment.mode == "none":
        offline = replace(experiment.augment, mode="offline")
        experiment = replace(experiment, augment=offline)
    split = read_section(SplitParams, "split")
    vote = read_section(EvaluateParams, "evaluate").vote
    with Store(FEATURE_STORES / experiment.feature) as store:
        target = target_of(store)
    chosen = choose(names, experiment.augment, target)
    trials = []
    with open_bench(experiment, split, vote) as bench:
        for name, kinds in {BASELINE: (), **chosen}.items():
            print(f"-- {name}", flush=True)
            trials.append(bench.run(name, kinds))
            rows = write_table(trials)
    print(shown(rows))


if __name__ == "__main__":
    run_stage(main)
