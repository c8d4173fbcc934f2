"""Command: the headline accuracy along the current branch, commit by commit, newest first.

`python -m pipeline.history` follows first parents and shows the commits that changed
metrics/summary.json. What a commit did not record is shown as `-`.
"""

import json
from dataclasses import asdict

from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.files import SUMMARY
from pipeline.pages.terminal import history_text
from pipeline.runs.ranking import read_history


def main() -> None:
    """Print the history of the current branch."""
    parser = command_line(__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    arguments = parser.parse_args()
    entries = read_history()
    if arguments.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
    elif entries:
        print(history_text(entries))
    else:
        raise PipelineError(
            f"no commit of this branch has {SUMMARY} below this folder; run `dvc repro` and commit"
        )


if __name__ == "__main__":
    run_stage(main, kept="")
