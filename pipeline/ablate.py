"""Command: compare each kind of augmentation with none, on the same folds and seeds.

`python -m pipeline.ablate` trains what params.yaml names without augmentation, with each kind that
can change the feature, and with all of these together. It needs the tracks, replicas and features
that `dvc repro` makes. Where augmented samples make an epoch longer, there are fewer epochs, so
that all trials train in about as many steps.

It prints a table, with the best on the inner validation first; where it is stopped, a table of the
trials that were done. What was made and trained before comes from the machine's cache. `seconds`
are those of one core: how long training took, and an estimate of how long the samples take to make.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.augmentation.kind import Chain, chain_of
from pipeline.augmentation.samples import target_of
from pipeline.augmentation.target import AugmentParams, Target, reason_against
from pipeline.base.cli import aligned, command_line, output_file, p_text, percent, points, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import FEATURE_STORES, rounded, write_csv
from pipeline.base.params import read_section
from pipeline.evaluation.predictions import EvaluateParams
from pipeline.evaluation.summary import SEED
from pipeline.folds.table import SplitParams
from pipeline.runs.comparison import Difference, differences
from pipeline.store.store import Store
from pipeline.training.cross_validation import read_experiment
from pipeline.trials.trial import Trial, Trials, open_trials, outlook

BASELINE, ALL = "none", "all"

Row = dict[str, Any]


def table(trials: Sequence[Trial]) -> list[Row]:
    """One row for each trial: the baseline first, the others by their inner validation accuracy."""
    if not trials:
        return []
    first, *others = trials
    outcomes = [trial.outcomes for trial in others]
    gains = differences(first.outcomes, outcomes, SEED) if others else []
    rows = [_row(first, None)]
    paired = zip(others, gains, strict=True)
    ordered = sorted(paired, key=lambda each: each[0].validation, reverse=True)
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


def named_chain(name: str, augment: AugmentParams) -> Chain:
    """The chain of that name; raises `PipelineError` where a part of it is no kind."""
    ranges = augment.ranges
    try:
        return chain_of(name, ranges)
    except ValueError as error:
        choices = f"{', '.join([*ranges, ALL])}; + joins several"
        raise PipelineError(f"{name!r}: {error}; choose from {choices}") from None


def _applicable(name: str, augment: AugmentParams, target: Target) -> Chain:
    chain = named_chain(name, augment)
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
    parser.add_argument("--csv", type=output_file, metavar="FILE", help="also write it to FILE")
    asked = parser.parse_args()
    experiment = read_experiment()
    if experiment.augment.mode == "none":
        offline = replace(experiment.augment, mode="offline")
        experiment = replace(experiment, augment=offline)
    for name in asked.kinds:  # a misspelt one is said before anything is opened
        if name != ALL:
            named_chain(name, experiment.augment)
    split = read_section(SplitParams, "split")
    vote = read_section(EvaluateParams, "evaluate").vote
    with Store(FEATURE_STORES / experiment.feature) as store:
        target = target_of(store)
    chosen = choose(asked.kinds, experiment.augment, target)
    trials: list[Trial] = []
    try:
        with open_trials(experiment, split, vote) as common:
            for trial in run_trials(common, {BASELINE: (), **chosen}):
                trials.append(trial)
    finally:
        rows = table(trials)
        if rows:
            print(format_table(rows))
    if asked.csv:
        write_csv(asked.csv, list(rows[0]), map(rounded, rows))


def run_trials(common: Trials, chosen: Mapping[str, tuple[Chain, ...]]) -> Iterator[Trial]:
    """Run the trials one after another, and say after the first how long the others will take."""
    for number, (name, kinds) in enumerate(chosen.items()):
        print(f"-- {name}", flush=True)
        trial = common.run(name, kinds)
        if number == 0:
            others = len(chosen) - 1
            time = outlook(trial.records, others * len(trial.records))
            print(
                f"{others} more to compare: {time}, besides making samples; less where that was "
                "done before",
                flush=True,
            )
        yield trial


if __name__ == "__main__":
    run_stage(main)
