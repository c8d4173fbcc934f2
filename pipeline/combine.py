"""Command: are several revisions better together than the best of them alone?

`python -m pipeline.combine main ann` takes a weighted mean of the probabilities that the revisions
gave to each track, and judges it as if one run had predicted it. Each fold's weights are learned
from its inner validation tracks, so the test tracks play no part. A revision is a branch, a commit,
a tag, a DVC experiment, or the word `workspace`. All must have the same folds, so that each fold's
test tracks are new to all of them. The command reads what they recorded, and trains nothing again.
"""

import json

from pipeline.base.cli import command_line, output_file, run_stage
from pipeline.evaluation.predictions import write_predictions
from pipeline.pages.terminal import combination_text
from pipeline.runs.combination import as_json, combine
from pipeline.runs.revisions import add_revisions, read_revision


def main() -> None:
    """Combine the revisions of the command line."""
    parser = command_line(__doc__)
    add_revisions(parser, "at least two")
    parser.add_argument("--equal", action="store_true", help="give all revisions the same weight")
    parser.add_argument(
        "--csv", type=output_file, metavar="FILE", help="write the combined table of tracks"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    arguments = parser.parse_args()
    revisions = list(map(read_revision, arguments.revisions))
    combination = combine(revisions, equal=arguments.equal)
    if arguments.csv:
        write_predictions(arguments.csv, combination.combined.tracks)
    if arguments.json:
        print(json.dumps(as_json(combination), indent=2))
    else:
        print(combination_text(combination))


if __name__ == "__main__":
    run_stage(main, kept="")
