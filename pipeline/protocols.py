"""Command: compare the protocols, and show how much the leaky one flatters.

`python -m pipeline.protocols` trains and tests what params.yaml names under the protocols clip,
song, artist and filtered. It needs the tracks, replicas, features and augmented samples that
`dvc repro` makes; folds that were trained before come from the machine's cache. It prints a table;
where it is stopped, a table of the protocols that were done.
"""

from pipeline.base.cli import command_line, output_file, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import write_csv
from pipeline.base.params import read_section
from pipeline.evaluation.predictions import EvaluateParams
from pipeline.evaluation.summary import Row
from pipeline.folds.protocols import PROTOCOLS
from pipeline.folds.table import ProtocolName, SplitParams
from pipeline.pages.terminal import protocols_text
from pipeline.training.cross_validation import read_experiment
from pipeline.trials.trial import FACTS, FIGURES, compare_protocols

DEFAULT: list[ProtocolName] = ["clip", "song", "artist", "filtered"]


def main() -> None:
    """Run the protocols that the command line names."""
    parser = command_line(__doc__)
    choices = ", ".join(PROTOCOLS)
    described = f"one of {choices}; default: {', '.join(DEFAULT)}"
    parser.add_argument("protocols", nargs="*", metavar="PROTOCOL", help=described)
    parser.add_argument("--csv", type=output_file, metavar="FILE", help="also write it to FILE")
    arguments = parser.parse_args()
    for name in arguments.protocols:
        if name not in PROTOCOLS:
            raise PipelineError(f"there is no protocol {name!r}; choose from {choices}")
    names = arguments.protocols or DEFAULT
    split = read_section(SplitParams, "split")
    vote = read_section(EvaluateParams, "evaluate").vote
    rows: list[Row] = []
    try:
        rows.extend(compare_protocols(names, split, read_experiment(), vote))
    finally:
        if rows:
            print(protocols_text(rows))
    if not rows:
        raise PipelineError("none of the protocols could be run")
    if arguments.csv:
        write_csv(arguments.csv, [*FACTS, *FIGURES], rows)


if __name__ == "__main__":
    run_stage(main)
