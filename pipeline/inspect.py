"""Command: what is in a folder of music, and what can be done with it, before anything runs.

Every file is decoded, on all cores, and nothing is kept. Clip length, folds and features come from
params.yaml. Each protocol is tried, without regard to copies of a recording.
"""

import json
from pathlib import Path

from pipeline.base.cli import command_line, run_stage
from pipeline.base.params import read_section
from pipeline.dataset.tracks import DatasetParams
from pipeline.pages.terminal import inspection_text
from pipeline.trials.inspection import inspect


def main() -> None:
    """Inspect the folder that the command line names, or else the dataset of params.yaml."""
    parser = command_line(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="default: dataset.path of params.yaml")
    parser.add_argument("--replicas", action="store_true", help="find copies by their sound, too")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    arguments = parser.parse_args()
    folder = arguments.folder or read_section(DatasetParams, "dataset").folder
    content = inspect(folder, arguments.replicas)
    print(json.dumps(content, indent=2) if arguments.json else inspection_text(content))


if __name__ == "__main__":
    run_stage(main, kept="")
