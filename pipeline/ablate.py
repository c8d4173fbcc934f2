"""Command: compare each kind of augmentation with none, on the same folds and seeds.

`python -m pipeline.ablate` trains what params.yaml names without augmentation, with each kind that
can change the feature, and with all of these together. It needs the tracks, replicas and features
that `dvc repro` makes. Where augmented samples make an epoch longer, there are fewer epochs, so
that all trials take about as many steps.

It prints a table, with the best on the inner validation first; where it is stopped, a table of the
trials that were done. What was made and trained before comes from the machine's cache. `seconds`
are those of one core: how long training took, and an estimate of how long the samples take to make.
"""

from pipeline.base.cli import command_line, output_file, run_stage
from pipeline.base.files import rounded, write_csv
from pipeline.base.params import read_section
from pipeline.evaluation.predictions import EvaluateParams
from pipeline.folds.table import SplitParams
from pipeline.pages.terminal import ablation_text
from pipeline.training.cross_validation import read_experiment
from pipeline.trials.ablation import Trial, ablation_rows, run_trials


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
    arguments = parser.parse_args()
    split = read_section(SplitParams, "split")
    vote = read_section(EvaluateParams, "evaluate").vote
    trials: list[Trial] = []
    try:
        trials.extend(run_trials(arguments.kinds, read_experiment(), split, vote))
    finally:
        rows = ablation_rows(trials)
        if rows:
            print(ablation_text(rows))
    if arguments.csv:
        write_csv(arguments.csv, list(rows[0]), map(rounded, rows))


if __name__ == "__main__":
    run_stage(main)
