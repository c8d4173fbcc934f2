"""Command: which of the runs is best, and what was different?

`python -m pipeline.experiments` lists the workspace, all branches and all DVC experiments with
their accuracy, what they cost, and the parameters in which they differ: the best first, and each
paired with the best. It reads what they recorded in metrics/, and computes nothing again.
"""

import json

from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.pages.terminal import ranking_text
from pipeline.runs.ranking import as_json, rank_runs


def main() -> None:
    """Print the ranking of all runs."""
    parser = command_line(__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    arguments = parser.parse_args()
    ranking = rank_runs()
    if arguments.json:
        print(json.dumps(as_json(ranking), indent=2))
    elif ranking.groups:
        print(ranking_text(ranking))
    else:
        first = next(iter(ranking.left_out.values()))
        raise PipelineError(f"there is no run to list; {first}")


if __name__ == "__main__":
    run_stage(main, kept="")
