"""Command: what do noise, codecs, filters and other deformations of the sound cost a run?

`python -m pipeline.robustness` deforms the clips on which the workspace's models were tested, each
way in several strengths, and has every clip judged by the model of the fold that tested it. Nothing
is trained. Several revisions (branches, commits, tags, experiments, or the word `workspace`) are
shown side by side; their models come from DVC's cache, and the clips from the workspace.

It prints the accuracy of the tracks, and its difference from that of the same clips as they are.
"""

import json
from argparse import Namespace
from pathlib import Path

from pipeline.base.cli import command_line, output_file, run_stage
from pipeline.base.files import write_json
from pipeline.pages.terminal import robustness_text
from pipeline.runs.revisions import WORKSPACE, read_revision
from pipeline.trials.robustness import DEFORMATIONS, judge_deformed, ways_of

PRINT = Path("-")


def main() -> None:
    """Test the revisions of the command line."""
    asked = _arguments()
    ways = ways_of(asked.only.split(","))
    revisions = [read_revision(name) for name in asked.revisions]
    rows = judge_deformed(revisions, ways, asked.tracks, asked.seed)
    protocol = revisions[0].split["protocol"]
    found = {"protocol": protocol, "seed": asked.seed, "results": rows}
    if asked.picture:
        from pipeline.pages.charts import robustness_picture  # half a second

        asked.picture.parent.mkdir(parents=True, exist_ok=True)
        asked.picture.write_bytes(robustness_picture(rows))
    if asked.json and asked.json != PRINT:
        write_json(asked.json, found)
    print(json.dumps(found, indent=2) if asked.json == PRINT else robustness_text(protocol, rows))


def _arguments() -> Namespace:
    parser = command_line(__doc__)
    parser.add_argument("revisions", nargs="*", metavar="REV", default=[WORKSPACE])
    every = ",".join(DEFORMATIONS)
    parser.add_argument("--only", default=every, metavar="NAMES", help=f"some of {every}")
    parser.add_argument("--tracks", type=int, metavar="N", help="test N tracks only, drawn")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    parser.add_argument(
        "--json",
        nargs="?",
        type=output_file,
        const=PRINT,
        metavar="FILE",
        help="write everything as JSON to FILE, or print it in place of the table",
    )
    parser.add_argument(
        "--picture", type=output_file, metavar="FILE.png", help="draw a panel for each"
    )
    asked = parser.parse_args()
    if asked.tracks is not None and asked.tracks < 1:
        parser.error(f"--tracks {asked.tracks}: should be at least 1")
    return asked


if __name__ == "__main__":
    run_stage(main, kept="")
