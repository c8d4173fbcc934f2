"""Command: compare each kind of augmentation with none, on the same folds and seeds.

`python -m pipeline.ablate` trains what params.yaml names without augmentation, with each kind that
can change the feature, and with all of these together. It needs the tracks, replicas and features
that `dvc repro` makes. Where augmented samples make an epoch longer, there are fewer epochs, so
that all trials train in about as many steps.

It prints a table, with the best on the inner validation first, and writes metrics/ablation.csv
after each trial. What was made and trained before comes from the machine's cache. `seconds` are
those of one core: how long training took, and an estimate of how long the samples take to make.
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
from pipeline.comparison.trials import Trial, open_trials
from pipeline.evaluation.params import EvaluateParams
from pipeline.evaluation.summary import SEED
from pipeline.folds.params import SplitParams
from pipeline.store.store import Store
from pipeline.training.experiment import read_experiment

TABLE = METRICS / "ablation.csv"
BASELINE, ALL = "none", "all"

Row = dict[str, Any]


def write_table(trials: Sequence[Trial]) -> list[Row]:
    """Write and return the table of these trials, of which the first is the baseline."""
    first, *others = [trial.outcomes for trial in trials]
    gains = differences(first, others, SEED) if others else []
    rows = table(trials, gains)
    write_csv(TABLE, list(rows[0]), map(rounded, rows))
    return rows


def table(trials: Sequence[Trial], gains: Sequence[Difference]) -> list[Row]:
    """One row for each trial: the baseline first, the others by their inner validation accuracy."""
    rows = [_row(trials[0], None)]
    others = zip(trials[1:], gains, strict=True)
    ordered = sorted(others, key=lambda each: each[0].validation, reverse=True)
    return rows + [_row(trial, gain) for trial, gain in ordered]


def _row(trial: Trial, gain: Difference | None) -> Row:
    row: Row = {
        "kinds": trial.name,
        "validation_clip_accuracy": trial.validation,
        "track_accuracy": float(trial.outcomes.correct.mean()),
    }
    for name in ("difference", "low", "high", "p_value", "p_holm"):
        row[name] = getattr(gain, name) if gain else ""
    return {**row, "seconds": round(trial.seconds), "megabytes": round(trial.megabytes, 1)}


def format_table(rows: Sequence[Row]) -> str:
    """Format the rows for a terminal, in percent."""
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
    """The chains of each trial: those named, or else each that is applicable, and all together.

    Raises
    ------
    PipelineError
        A name is not that of a kind or chain, or is that of one that cannot change the feature.
    """
    chains = augment.applicable_chains(target)
    if not chains:
        name, kind = next(iter(augment.ranges.items()))
        reason = reason_against(target, Chain(name, (kind,)))
        raise PipelineError(f"no kind can change the feature: {name!r} {reason}")
    together = {ALL: tuple(chains)}
    if not names:
        return {chain.name: (chain,) for chain in chains} | together
    return {name: together.get(name) or (_applicable(name, augment, target),) for name in names}


def _applicable(name: str, augment: AugmentParams, target: Target) -> Chain:
    ranges = augment.ranges
    try:
        chain = chain_of(name, ranges)
    except ValueError as error:
        choices = f"{', '.join([*ranges, ALL])}; + joins several"
        raise PipelineError(f"{name!r}: {error}; choose from {choices}") from None
    reason = reason_against(target, chain)
    if reason:
        raise PipelineError(f"{name!r}: {reason}")
    return chain


def main() -> None:
    """Try the kinds that the command line names, or all of them."""
    parser = command_line(__doc__)
    parser.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="a kind, a chain, or all; default: each kind, and all",
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
    with open_trials(experiment, split, vote) as common:
        for name, kinds in {BASELINE: (), **chosen}.items():
            print(f"-- {name}", flush=True)
            trials.append(common.run(name, kinds))
            rows = write_table(trials)
    print(format_table(rows))


if __name__ == "__main__":
    run_stage(main)
